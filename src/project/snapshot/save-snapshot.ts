import { GondolinError } from '../../errors/gondolin-error.ts';
import { keepCacheSmall } from '../../image/trim-cache.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { createSnapshotFacts } from './snapshot-facts.ts';
import { SnapshotStore } from './snapshot-store.ts';

/** A snapshot that another command asks for. */
interface WantedSnapshot {
  readonly plan: Plan;
  readonly sandbox: SandboxPlan;
  readonly name: string;
  /** Replaces an existing snapshot of that name. */
  readonly isReplacing: boolean;
}

interface StoredPlaces {
  readonly cacheDirectory: string;
  /** Undefined in a run without a state directory, which has no snapshots. */
  readonly snapshotsDirectory: string | undefined;
  /** Directories that are never trimmed. */
  readonly keptDirectories: readonly string[];
}

/**
 * Saves the VM of a sandbox under a name. Returns the bytes that it takes on disk.
 * @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_EXISTS; what `save` throws.
 */
export async function saveSnapshot(
  { plan, sandbox, name, isReplacing }: WantedSnapshot,
  { cacheDirectory, snapshotsDirectory, keptDirectories }: StoredPlaces,
  save: (machineDirectory: string) => Promise<void>,
  onWarning: (message: string) => void,
): Promise<number> {
  if (snapshotsDirectory === undefined) {
    throw new GondolinError('SESSION_UNSUPPORTED', 'this run has no state directory');
  }
  const facts = createSnapshotFacts(name, plan.name, sandbox, Date.now());
  const diskBytes = await new SnapshotStore(snapshotsDirectory).add(facts, save, isReplacing);
  await keepCacheSmall({ cacheDirectory, keptDirectories }, onWarning);
  return diskBytes;
}
