import { resolveDirectories } from '../host/directories.ts';
import type { Plan } from '../plan/plan.ts';
import type { CliIo } from './io.ts';
import { planForSandbox } from './open-project.ts';
import { usageError } from './usage-error.ts';

/** Returns the plan of the sandbox that starts from a snapshot, and the directory of the saved machine. */
export async function planFromSnapshotName(
  plan: Plan,
  name: string,
  io: CliIo,
): Promise<{ plan: Plan; from: string }> {
  const { SnapshotStore } = await import('../project/snapshot/snapshot-store.ts');
  const { planFromSnapshot } = await import('../project/snapshot/plan-from-snapshot.ts');
  const { snapshots } = resolveDirectories(io.env);
  const { facts, machineDirectory } = await new SnapshotStore(snapshots).open(name);
  const [first, ...others] = plan.sandboxes;
  const wanted = others.length === 0 ? first : undefined;
  const sandbox = wanted ?? plan.sandboxes.find((one) => one.name === facts.sandbox);
  if (sandbox === undefined) {
    const message = `--from ${name}: the project has no sandbox ${facts.sandbox}`;
    throw usageError(message, `Choose one: gondolin run --from ${name} SANDBOX`);
  }
  const one = planFromSnapshot(planForSandbox(plan, sandbox.name), facts);
  return { plan: one, from: machineDirectory };
}
