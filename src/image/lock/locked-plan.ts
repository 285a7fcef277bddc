import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ImageRecipe, Plan, SandboxPlan } from '../../plan/plan.ts';
import { parseImageSource } from '../oci/image-source.ts';
import {
  type AlpineRecipe,
  belowSetup,
  builderRecipe,
  type DebianRecipe,
  type DockerfileRecipe,
  type KernelUser,
  type OciRecipe,
} from '../recipe.ts';
import { dockerfileReferences } from './dockerfile-references.ts';
import type { ImageLock } from './lock-file.ts';
import { baseSetName, kernelSetName, packageSetNames } from './package-sets.ts';

/**
 * The references of a sandbox's image that a lock decides about: images of a registry without a digest of their own.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID.
 */
export async function lockableReferences({
  image,
}: Pick<SandboxPlan, 'image'>): Promise<readonly string[]> {
  const recipe = belowSetup(image.recipe);
  if (recipe.kind === 'dockerfile') return dockerfileReferences(recipe);
  return recipe.kind === 'oci' && isLockable(recipe) ? [recipe.source] : [];
}

function isLockable({ source }: OciRecipe): boolean {
  return !source.includes('@') && parseImageSource(source).kind === 'registry';
}

/**
 * Returns the plan with the digests and packages of its lock.
 *
 * @param lock  Null where the project has none.
 * @param required  Path of the lock if every image has to be in it (`--locked`); null if one that is missing is looked up.
 * @throws {GondolinError} IMAGE_LOCK_OUTDATED naming the first image that is not in a required lock; IMAGE_DOCKERFILE_INVALID.
 */
export async function withLock(
  plan: Plan,
  lock: ImageLock | null,
  required: string | null,
): Promise<Plan> {
  const sandboxes: SandboxPlan[] = [];
  for (const sandbox of plan.sandboxes) {
    const find: Find = {
      digest: (reference) => {
        const found = own(lock?.images, reference)?.digest ?? null;
        if (found === null) missing(`digest of ${reference}`);
        return found;
      },
      packages: (name) => {
        const found = own(lock?.packages, name) ?? null;
        if (found === null) missing(`packages of ${name}`);
        return found;
      },
    };
    const missing = (what: string): void => {
      if (required !== null) throw outdated(required, lock, what, sandbox.name);
    };
    sandboxes.push(await changeRecipe(sandbox, (recipe) => lockRecipe(recipe, find)));
  }
  return { ...plan, sandboxes };
}

function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Reads a lock: null for what is missing, which `--locked` does not allow. */
interface Find {
  digest(reference: string): string | null;
  packages(name: string): Readonly<Record<string, string>> | null;
}

type BelowSetup = Exclude<ImageRecipe, { kind: 'setup' }>;

async function lockRecipe(recipe: BelowSetup, find: Find): Promise<BelowSetup> {
  switch (recipe.kind) {
    case 'path':
      return recipe;
    case 'oci':
      return lockOci(recipe, find);
    case 'dockerfile':
      return lockDockerfile(recipe, find);
    case 'debian':
      return lockDebian(recipe, find);
    case 'alpine':
      return lockAlpine(recipe, find);
  }
}

async function lockDockerfile(recipe: DockerfileRecipe, find: Find): Promise<DockerfileRecipe> {
  const digests: Record<string, string> = {};
  for (const reference of await dockerfileReferences(recipe)) {
    const digest = find.digest(reference);
    if (digest !== null) digests[reference] = digest;
  }
  const builder = lockedPackages(builderRecipe({ arch: recipe.arch }), find);
  const built = builder === null ? {} : { builder };
  return { ...recipe, digests, ...lockedKernelOf(recipe, find), ...built };
}

function lockOci(recipe: OciRecipe, find: Find): OciRecipe {
  const digest = isLockable(recipe) ? find.digest(recipe.source) : recipe.digest;
  return { ...recipe, digest, ...lockedKernelOf(recipe, find) };
}

function lockDebian(recipe: DebianRecipe, find: Find): DebianRecipe {
  const locked = lockedPackages(recipe, find);
  return locked === null ? recipe : { ...recipe, locked };
}

function lockedPackages(
  recipe: DebianRecipe,
  find: Find,
): NonNullable<DebianRecipe['locked']> | null {
  const names = packageSetNames(recipe);
  const base = find.packages(baseSetName(recipe));
  const added = names.base === null ? {} : find.packages(names.whole);
  // Old packages of one do not go with new ones of the other.
  return base === null || added === null ? null : { base, added };
}

function lockAlpine(recipe: AlpineRecipe, find: Find): AlpineRecipe {
  const locked = find.packages(packageSetNames(recipe).whole);
  const kernel = lockedKernelOf(recipe, find);
  return locked === null ? { ...recipe, ...kernel } : { ...recipe, locked, ...kernel };
}

function lockedKernelOf(recipe: KernelUser, find: Find): Pick<KernelUser, 'kernel'> {
  const kernel = find.packages(kernelSetName(recipe));
  return kernel === null ? {} : { kernel };
}

/** Returns the plan with `pull` of every image of a registry replaced, as `--pull` wants it. */
export async function withPullPolicy(
  plan: Plan,
  pull: 'missing' | 'always' | 'never',
): Promise<Plan> {
  const change = async (recipe: BelowSetup): Promise<BelowSetup> =>
    recipe.kind === 'oci' || recipe.kind === 'dockerfile' ? { ...recipe, pull } : recipe;
  const sandboxes = plan.sandboxes.map((sandbox) => changeRecipe(sandbox, change));
  return { ...plan, sandboxes: await Promise.all(sandboxes) };
}

async function changeRecipe(
  sandbox: SandboxPlan,
  change: (recipe: BelowSetup) => Promise<BelowSetup>,
): Promise<SandboxPlan> {
  const { name, recipe } = sandbox.image;
  const base = await change(belowSetup(recipe));
  const changed = recipe.kind === 'setup' ? { ...recipe, base } : base;
  return { ...sandbox, image: { name, recipe: changed } };
}

function outdated(path: string, lock: ImageLock | null, what: string, sandbox: string) {
  const problem = lock === null ? `there is no ${path} with the` : `${path} does not have the`;
  const message = `--locked: ${problem} ${what}, which the sandbox ${sandbox} uses`;
  return new GondolinError('IMAGE_LOCK_OUTDATED', message);
}
