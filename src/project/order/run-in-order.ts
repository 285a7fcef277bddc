import type { SandboxPlan } from '../../plan/plan.ts';
import type { SandboxResult } from '../run-result.ts';
import type { SandboxContext } from '../sandbox-progress.ts';
import { aborted } from '../service/pause.ts';
import { type SlotLimits, StartSlots } from '../service/start-slots.ts';
import { SandboxRun } from './sandbox-run.ts';

/** Stops services that nothing needs any more: first those that no other depends on. */
async function stopInTime(
  run: SandboxRun,
  runs: readonly SandboxRun[],
  cancelled: Promise<void>,
): Promise<void> {
  const { name } = run.sandbox;
  const dependents = runs.filter(({ sandbox }) =>
    sandbox.dependsOn.some((dependency) => dependency.name === name),
  );
  if (dependents.length === 0) {
    const work = runs.filter(({ sandbox }) => sandbox.service === null);
    const worked = Promise.all(work.map(({ done }) => done));
    await (work.length === 0 ? cancelled : Promise.race([cancelled, worked]));
  }
  await Promise.all(dependents.map(({ done }) => done));
  run.stop.abort();
}

/**
 * Runs sandboxes as soon as what they depend on allows it, in plan order where there is a choice. Services stop in reverse
 * order: each once everything that depends on it has ended. Without any sandbox that ends by itself,
 * they run until the run is cancelled or they end.
 *
 * @returns The results in plan order.
 */
export async function runInOrder(
  sandboxes: readonly SandboxPlan[],
  limits: SlotLimits,
  context: SandboxContext,
): Promise<SandboxResult[]> {
  const runs = sandboxes.map((sandbox) => new SandboxRun(sandbox));
  const byName = new Map(runs.map((run) => [run.sandbox.name, run]));
  const cancelled = aborted(context.cancel);
  const slots = new StartSlots(limits);
  for (const run of runs) {
    if (run.sandbox.service !== null) void stopInTime(run, runs, cancelled);
  }
  const find = (name: string) => byName.get(name);
  return Promise.all(runs.map((run) => run.start({ context, slots, find })));
}
