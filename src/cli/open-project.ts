import type { Config } from '../config/config.ts';
import { findProjectFile, loadConfig } from '../config/load-config.ts';
import { resolveDirectories } from '../host/directories.ts';
import { hostPlatform } from '../host/image-environment.ts';
import { buildPlan } from '../plan/build-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { selectSteps } from '../plan/select-steps.ts';
import { withDependencies } from '../plan/with-dependencies.ts';
import type { GlobalOptions } from './command-context.ts';
import { type ImageFlags, withImageFlags } from './image-flags.ts';
import type { CliIo } from './io.ts';
import { selectOperands, selectSandboxes } from './operands.ts';
import { unknownName, usageError } from './usage-error.ts';

/** Returns the absolute path of the project file of `-f FILE`, or of the nearest one. @throws {GondolinError} CONFIG_NOT_FOUND */
export function projectFile(
  { cwd }: Pick<CliIo, 'cwd'>,
  { file }: Pick<GlobalOptions, 'file'>,
): string {
  return findProjectFile({ directory: cwd, ...(file === undefined ? {} : { file }) });
}

/** Loads the project file of `-f FILE`, or the nearest one. @throws {GondolinError} CONFIG_NOT_FOUND, CONFIG_INVALID */
export function openConfig(
  { cwd, env }: CliIo,
  { file, projectName, arg = {} }: GlobalOptions,
): Promise<Config> {
  return loadConfig({
    directory: cwd,
    env,
    args: arg,
    ...(file === undefined ? {} : { file }),
    ...(projectName === undefined ? {} : { projectName }),
  });
}

/** Builds the plan of the project for this machine, without its lock file. @throws as {@link openConfig} */
export async function openUnlockedPlan(io: CliIo, options: GlobalOptions): Promise<Plan> {
  const config = await openConfig(io, options);
  const { taggedImages } = resolveDirectories(io.env);
  return buildPlan(config, { ...hostPlatform(), taggedImages });
}

/**
 * Builds the plan of the project for this machine, with the images of its lock file.
 * @throws as {@link openConfig}; {GondolinError} IMAGE_LOCK_INVALID, IMAGE_LOCK_OUTDATED with `--locked`.
 */
export async function openPlan(io: CliIo, options: GlobalOptions & ImageFlags): Promise<Plan> {
  return withImageFlags(await openUnlockedPlan(io, options), options);
}

/** Returns the plan with only one of its sandboxes. */
export function planForSandbox(plan: Plan, name: string): Plan {
  return { ...plan, sandboxes: plan.sandboxes.filter((sandbox) => sandbox.name === name) };
}

/** Returns the plan without the sandboxes that belong to other profiles only, unless another depends on them. @throws {GondolinError} CLI_USAGE when none is left */
function planForProfiles(plan: Plan, active: readonly string[]): Plan {
  const known = plan.sandboxes.flatMap(({ profiles }) => profiles);
  const unknown = active.find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('profile', unknown, [...new Set(known)]);
  const sandboxes = plan.sandboxes.filter(
    ({ profiles }) => profiles.length === 0 || profiles.some((name) => active.includes(name)),
  );
  if (sandboxes.length > 0) return withDependencies(plan, sandboxes);
  throw usageError(
    'every sandbox belongs to a profile, and none is active',
    `Name a sandbox, or a profile with --profile: ${[...new Set(known)].join(', ')}.`,
  );
}

/** Returns the part of a plan that `[SANDBOX…]` selects, with the sandboxes that it depends on. @throws {GondolinError} CLI_USAGE */
export function planForSandboxes(
  plan: Plan,
  operands: readonly string[],
  { profile: profiles = [] }: Pick<GlobalOptions, 'profile'>,
): Plan {
  const names = selectSandboxes(plan, operands);
  if (names === null) return planForProfiles(plan, profiles);
  return withDependencies(
    plan,
    plan.sandboxes.filter(({ name }) => names.includes(name)),
  );
}

/**
 * Returns the part of a plan that `[SANDBOX] [STEP…]` selects, with the steps that those need and the sandboxes that it depends on.
 * @throws {GondolinError} CLI_USAGE
 */
export function planForOperands(
  plan: Plan,
  operands: readonly string[],
  { profile: profiles = [] }: Pick<GlobalOptions, 'profile'>,
): Plan {
  const { sandboxes: names, steps } = selectOperands(plan, operands);
  if (names === null) return planForProfiles(plan, profiles);
  const chosen = plan.sandboxes.filter(({ name }) => names.includes(name));
  if (steps.length === 0) return withDependencies(plan, chosen);
  return withDependencies(
    plan,
    chosen.map((found) => selectSteps(found, steps)),
  );
}
