import type { Plan } from '../../plan/plan.ts';
import type { CommandRun } from '../command-context.ts';
import { executePlan, type StartFlags } from '../execute-plan.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForSandboxes } from '../open-project.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { unknownName } from '../usage-error.ts';

interface UpOptions extends StartFlags, NetworkFlags {
  readonly exitCodeFrom?: string;
}

/** @throws {GondolinError} CLI_USAGE for a sandbox that is not started. */
function checkExitCodeFrom({ sandboxes }: Plan, name: string | undefined): void {
  const names = sandboxes.map((sandbox) => sandbox.name);
  if (name !== undefined && !names.includes(name)) throw unknownName('sandbox', name, names);
}

/**
 * `up`: starts sandboxes with what they depend on, and shows the output of all until Ctrl-C or until all have ended by themselves.
 * Services that nothing needs any more keep running. Exits as `run` does, so with 130 after Ctrl-C.
 */
export const upCommand: CommandRun<UpOptions> = async ({ io, options, operands }) => {
  const resolved = resolveProgress(options.progress, io);
  // What services print is what a user of `up` watches: a live list would hide it.
  const mode = resolved === 'tty' ? 'plain' : resolved;
  const chosen = planForSandboxes(await openPlan(io, options), operands, options);
  const plan = withNetworkFlags(chosen, options);
  const { exitCodeFrom } = options;
  checkExitCodeFrom(plan, exitCodeFrom);
  const how = { mode, isRaw: false, hasInput: false, hasTerminal: false, keepsServices: true };
  const until = exitCodeFrom === undefined ? {} : { exitCodeFrom };
  return executePlan({ plan, from: null, ...how, ...until }, options, io);
};
