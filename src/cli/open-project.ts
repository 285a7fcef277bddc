import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { hostDebianRelease } from '../host/image-environment.ts';
import { buildPlan } from '../plan/build-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { selectSteps } from '../plan/select-steps.ts';
import type { GlobalOptions } from './command-context.ts';
import type { CliIo } from './io.ts';
import { selectOperands } from './operands.ts';

/** Loads the project file of `-f FILE`, or the nearest one. @throws {GondolinError} CONFIG_NOT_FOUND, CONFIG_INVALID */
export function openConfig(
  { cwd, env }: CliIo,
  { file, projectName }: GlobalOptions,
): Promise<Config> {
  return loadConfig({
    directory: cwd,
    env,
    ...(file === undefined ? {} : { file }),
    ...(projectName === undefined ? {} : { projectName }),
  });
}

/** Builds the plan of the project for this machine. @throws as {@link openConfig} */
export async function openPlan(io: CliIo, options: GlobalOptions): Promise<Plan> {
  const config = await openConfig(io, options);
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return buildPlan(config, { arch, release: hostDebianRelease() });
}

/** Returns the plan with only one of its sandboxes. */
export function planForSandbox(plan: Plan, name: string): Plan {
  return { ...plan, sandboxes: plan.sandboxes.filter((sandbox) => sandbox.name === name) };
}

/** Returns the part of a plan that `[SANDBOX] [STEP…]` selects, with the steps that those need. @throws {GondolinError} CLI_USAGE */
export function planForOperands(plan: Plan, operands: readonly string[]): Plan {
  const { sandbox, steps } = selectOperands(plan, operands);
  if (sandbox === null) return plan;
  const one = planForSandbox(plan, sandbox);
  if (steps.length === 0) return one;
  return { ...one, sandboxes: one.sandboxes.map((found) => selectSteps(found, steps)) };
}
