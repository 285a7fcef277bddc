import { existsSync } from 'node:fs';
import { belowSetup } from '../image/recipe.ts';
import { lockPath } from '../plan/lock-path.ts';
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
 * Returns the plan with what its lock file and the flags say about its images. Loads the code for that only if there is a lock
 * file or a flag.
 * @throws {GondolinError} CLI_USAGE, IMAGE_LOCK_INVALID, IMAGE_LOCK_OUTDATED; with a Dockerfile IMAGE_DOCKERFILE_INVALID.
 */
export async function withImageFlags(plan: Plan, flags: ImageFlags): Promise<Plan> {
  const pull = readPullFlag(flags.pull);
  const [file] = plan.configFiles;
  const isMade = plan.sandboxes.some(({ image }) => belowSetup(image.recipe).kind !== 'path');
  if (!isMade || file === undefined) return plan;
  const path = lockPath(file);
  const isLocked = flags.locked === true;
  if (!isLocked && pull === null && !existsSync(path)) return plan;
  const { readLock } = await import('../image/lock/lock-file.ts');
  const { withLock, withPullPolicy } = await import('../image/lock/locked-plan.ts');
  const lock = await readLock(path);
  const locked =
    lock === null && !isLocked ? plan : await withLock(plan, lock, isLocked ? path : null);
  return pull === null ? locked : withPullPolicy(locked, pull);
}
