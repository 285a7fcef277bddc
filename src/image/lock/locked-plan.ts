import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { parseImageSource } from '../oci/image-source.ts';
import { belowSetup } from '../recipe.ts';
import type { ImageLock } from './lock-file.ts';

/** The reference of a sandbox's image, if a lock decides what it means: an image of a registry without a digest of its own. */
export function lockableReference({ image }: Pick<SandboxPlan, 'image'>): string | null {
  const recipe = belowSetup(image.recipe);
  if (recipe.kind !== 'oci' || recipe.source.includes('@')) return null;
  return parseImageSource(recipe.source).kind === 'registry' ? recipe.source : null;
}

/**
 * Returns the plan with the digests of its lock.
 *
 * @param lock  Null where the project has none.
 * @param required  Path of the lock if every image has to be in it (`--locked`); null if an image without a digest is looked up.
 * @throws {GondolinError} IMAGE_LOCK_OUTDATED naming the first image that is not in a required lock.
 */
export function withLock(plan: Plan, lock: ImageLock | null, required: string | null): Plan {
  const sandboxes = plan.sandboxes.map((sandbox): SandboxPlan => {
    const reference = lockableReference(sandbox);
    if (reference === null) return sandbox;
    const images = lock?.images ?? {};
    const locked = Object.hasOwn(images, reference) ? images[reference] : undefined;
    if (locked === undefined) {
      if (required !== null) throw outdated(required, lock, reference, sandbox.name);
      return sandbox;
    }
    return withRecipe(sandbox, { digest: locked.digest });
  });
  return { ...plan, sandboxes };
}

/** Returns the plan with `pull` of every image of a registry replaced, as `--pull` wants it. */
export function withPullPolicy(plan: Plan, pull: 'missing' | 'always' | 'never'): Plan {
  return { ...plan, sandboxes: plan.sandboxes.map((sandbox) => withRecipe(sandbox, { pull })) };
}

type OciRecipe = Extract<SandboxPlan['image']['recipe'], { kind: 'oci' }>;

function withRecipe(
  sandbox: SandboxPlan,
  changes: Partial<Pick<OciRecipe, 'digest' | 'pull'>>,
): SandboxPlan {
  const { name, recipe } = sandbox.image;
  const below = belowSetup(recipe);
  if (below.kind !== 'oci' && below.kind !== 'dockerfile') return sandbox;
  const { pull = below.pull } = changes;
  // The references of a Dockerfile are not in the lock.
  const base = below.kind === 'oci' ? { ...below, ...changes } : { ...below, pull };
  return {
    ...sandbox,
    image: { name, recipe: recipe.kind === 'setup' ? { ...recipe, base } : base },
  };
}

function outdated(path: string, lock: ImageLock | null, reference: string, sandbox: string) {
  const what =
    lock === null
      ? `there is no ${path}, and the sandbox ${sandbox} uses ${reference}`
      : `${path} has no digest of ${reference}, which the sandbox ${sandbox} uses`;
  return new GondolinError('IMAGE_LOCK_OUTDATED', `--locked: ${what}`);
}
