import { belowSetup } from '../image/recipe.ts';
import type { Plan } from '../plan/plan.ts';
import { usageError } from './usage-error.ts';

/** Options about the images of registries. */
export interface ImageFlags {
  /** Every image has to be in the lock file. */
  readonly locked?: boolean;
  /** In place of `pull:` of the images. */
  readonly pull?: string;
}

const PULL_POLICIES = ['missing', 'always', 'never'] as const;

/** @throws {GondolinError} CLI_USAGE */
function readPullFlag(text: string | undefined): (typeof PULL_POLICIES)[number] | null {
  if (text === undefined) return null;
  const policy = PULL_POLICIES.find((known) => known === text);
  if (policy !== undefined) return policy;
  throw usageError(`--pull ${JSON.stringify(text)}: want missing, always or never`);
}

/**
 * Returns the plan with what its lock file and the flags say about its images. Loads the code for that only if it has one of a
 * registry.
 * @throws {GondolinError} CLI_USAGE, IMAGE_LOCK_INVALID, IMAGE_LOCK_OUTDATED.
 */
export async function withImageFlags(plan: Plan, flags: ImageFlags): Promise<Plan> {
  const pull = readPullFlag(flags.pull);
  const [file] = plan.configFiles;
  const hasOci = plan.sandboxes.some(({ image }) => belowSetup(image.recipe).kind === 'oci');
  if (!hasOci || file === undefined) return plan;
  const { lockPath } = await import('../plan/lock-path.ts');
  const { readLock } = await import('../image/lock/lock-file.ts');
  const { withLock, withPullPolicy } = await import('../image/lock/locked-plan.ts');
  const path = lockPath(file);
  const locked = withLock(plan, await readLock(path), flags.locked === true ? path : null);
  return pull === null ? locked : withPullPolicy(locked, pull);
}
