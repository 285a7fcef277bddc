import type { CommandRun } from '../command-context.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForSandboxes } from '../open-project.ts';
import { type WatchFlags, watchPlan } from '../watch/watch-plan.ts';

/**
 * `watch`: runs the sandboxes, and runs them again, each time from the machine before the first step to run, whenever files of the host
 * change. Until Ctrl-C.
 */
export const watchCommand: CommandRun<WatchFlags & NetworkFlags> = async ({
  io,
  options,
  operands,
}) => {
  const load = async () => {
    const chosen = planForSandboxes(await openPlan(io, options), operands, options);
    return withNetworkFlags(chosen, options);
  };
  return watchPlan(load, options, io);
};
