import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listNames } from '../../host/list-names.ts';
import { MACHINE_DIRECTORY, type PruneResult } from '../../host/saved-directories.ts';
import {
  type ListedMachine,
  type SavedMachineKind,
  SavedMachineStore,
} from '../../host/saved-machine-store.ts';
import { type CheckpointFacts, checkpointFacts, type SavedStep } from './checkpoint-facts.ts';

const CHECKPOINTS: SavedMachineKind<CheckpointFacts> = {
  isName: (name) => /^[0-9a-f]{64}$/.test(name),
  // Without it the checkpoint counts as absent.
  factsFile: 'checkpoint.json',
  maxFactsBytes: 1024 * 1024,
  facts: checkpointFacts,
  machineDirectory: MACHINE_DIRECTORY,
};

/** Directory beside the checkpoints: what each sandbox's last ones depended on. */
export const RECORDS = 'records';

export interface PruneCheckpointsOptions {
  /** Removes checkpoints that were not used for this long; 0 removes all. */
  readonly olderThanMs?: number;
  /** Keys that are never removed. */
  readonly keep?: readonly string[];
  /** Only reports what would be removed. */
  readonly isDryRun?: boolean;
}

/** A checkpoint that was checked and can be restored. */
export interface Checkpoint {
  readonly key: string;
  /** For `VM.create({from})`. */
  readonly machineDirectory: string;
  /** Results of the first steps, up to the one after which it was saved. */
  readonly steps: readonly SavedStep[];
}

/** Result of `add`. `busy`: another gondolin is saving the same checkpoint. */
export type AddOutcome =
  | { readonly kind: 'saved'; readonly diskBytes: number }
  | { readonly kind: 'existed' | 'busy' };

export interface AddOptions {
  /** Replaces an existing one. */
  readonly isReplacing: boolean;
}

async function removeOldFiles(directory: string, olderThanMs: number): Promise<void> {
  for (const name of await listNames(directory)) {
    const path = join(directory, name);
    const stat = await lstat(path).catch(() => null);
    const isOld = stat?.isFile() === true && Date.now() - stat.mtimeMs >= olderThanMs;
    if (isOld) await rm(path, { force: true });
  }
}

/** Machines saved after steps: `<checkpoints>/<key>/`. */
export class CheckpointStore {
  readonly #parent: string;
  readonly #store: SavedMachineStore<CheckpointFacts>;

  /** @param parent  `Directories.checkpoints`; need not exist. */
  constructor(parent: string) {
    this.#parent = parent;
    this.#store = new SavedMachineStore(parent, CHECKPOINTS);
  }

  /**
   * Finds the checkpoint of this key and number of steps; null when there is none. Takes no lock.
   * @throws {GondolinError} SNAPSHOT_REFUSED when it is damaged.
   */
  async find(key: string, stepCount: number): Promise<Checkpoint | null> {
    const facts = await this.#store.find(key);
    if (facts === null) return null;
    if (facts.key !== key || facts.steps.length !== stepCount) {
      throw this.#store.damaged(key, 'it is of other steps');
    }
    return { key, machineDirectory: this.#store.machineDirectory(key), steps: facts.steps };
  }

  /** Records a use: the longest unused are removed first. */
  touch(key: string): Promise<void> {
    return this.#store.touch(key);
  }

  /**
   * Adds a checkpoint whose machine `save` writes into the directory it receives.
   * @throws what `save` throws, with nothing of it left; HOST_… of the directory and the lock.
   */
  async add(
    facts: CheckpointFacts,
    save: (machineDirectory: string) => Promise<void>,
    { isReplacing }: AddOptions,
  ): Promise<AddOutcome> {
    const lock = await this.#store.tryLock(facts.key);
    if (lock === null) return { kind: 'busy' };
    try {
      if (!isReplacing && (await this.#store.has(facts.key))) return { kind: 'existed' };
      // A directory without facts is of another program, or of a process that was killed: it is replaced.
      const diskBytes = await this.#store.add(facts.key, facts, save, true);
      return diskBytes === null ? { kind: 'existed' } : { kind: 'saved', diskBytes };
    } finally {
      lock.release();
    }
  }

  /** Removes a checkpoint; the next run saves a new one. */
  async discard(key: string): Promise<void> {
    await this.#store.remove(key);
  }

  /** Lists every checkpoint, the longest unused first. */
  list(): Promise<ListedMachine<CheckpointFacts>[]> {
    return this.#store.list();
  }

  /** Removes checkpoints by age, with their records and lock files. */
  async prune(options: PruneCheckpointsOptions): Promise<PruneResult> {
    const { olderThanMs, isDryRun } = options;
    const result = await this.#store.prune(options);
    if (olderThanMs === undefined || isDryRun === true) return result;
    await removeOldFiles(join(this.#parent, RECORDS), olderThanMs);
    await this.#removeFreeLocks();
    return result;
  }

  /**
   * Removes the lock files of checkpoints that do not exist. Two processes that then lock two files of one name both save,
   * and the second finds that the first was faster.
   */
  async #removeFreeLocks(): Promise<void> {
    const names = await listNames(this.#parent);
    const free = names
      .filter((name) => name.endsWith('.lock'))
      .map((name) => name.slice(0, -'.lock'.length))
      .filter((key) => CHECKPOINTS.isName(key) && !names.includes(key));
    for (const key of free) {
      const lock = await this.#store.tryLock(key);
      if (lock !== null) await rm(join(this.#parent, `${key}.lock`), { force: true });
      lock?.release();
    }
  }
}
