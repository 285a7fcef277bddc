import { resolveDirectories } from '../host/directories.ts';
import type { Plan } from '../plan/plan.ts';
import { withDependencies } from '../plan/with-dependencies.ts';
import type { SavedStart } from '../project/sandbox-vm-options.ts';
import type { CliIo } from './io.ts';
import { planForSandbox } from './open-project.ts';
import { usageError } from './usage-error.ts';

/**
 * Returns the plan of the sandbox that starts from a snapshot, with those that it depends on, and what it starts from.
 * @param wanted  The sandbox to start; null for the only one, else for that of the snapshot.
 */
export async function planFromSnapshotName(
  plan: Plan,
  name: string,
  wanted: string | null,
  io: CliIo,
): Promise<{ plan: Plan; from: SavedStart }> {
  const { SnapshotStore } = await import('../project/snapshot/snapshot-store.ts');
  const { planFromSnapshot } = await import('../project/snapshot/plan-from-snapshot.ts');
  const { snapshots } = resolveDirectories(io.env);
  const { facts, machineDirectory } = await new SnapshotStore(snapshots).open(name);
  const [first, ...others] = plan.sandboxes;
  const only = others.length === 0 ? first?.name : undefined;
  const sandbox = wanted ?? only ?? facts.sandbox;
  if (!plan.sandboxes.some((one) => one.name === sandbox)) {
    const message = `--from ${name}: the project has no sandbox ${sandbox}`;
    throw usageError(message, `Choose one: gondolin run --from ${name} SANDBOX`);
  }
  const { sandboxes } = planFromSnapshot(planForSandbox(plan, sandbox), facts);
  return {
    plan: withDependencies(plan, sandboxes),
    from: { sandbox, directory: machineDirectory },
  };
}
