import { lstat, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { replaceDirectoryAtomic, sweepTemporaries } from '../../host/atomic-write.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import {
  diskBytesOf,
  listSavedDirectories,
  MACHINE_DIRECTORY,
  type PruneResult,
  pruneSavedDirectories,
  removeSavedDirectory,
  type SavedDirectory,
} from '../../host/saved-directories.ts';
import { asHostError } from '../../host/system-failure.ts';
import { type CheckpointFacts, parseFacts, type SavedStep } from './checkpoint-facts.ts';

/** Below a checkpoint: what it holds. Written last; without it the checkpoint counts as absent. */
const FACTS = 'checkpoint.json';
/** Beside the checkpoints: what each sandbox's last ones depended on. */
export const RECORDS = 'records';
const MAX_FACTS_BYTES = 1024 * 1024;

const KEY = /^[0-9a-f]{64}$/;

/** True for names of checkpoints, among other names in their directory. */
function isCheckpointKey(name: string): boolean {
  return KEY.test(name);
}

export interface PruneCheckpointsOptions {
  /** Removes what was not used for this long; 0 removes all. */
  readonly olderThanMs?: number;
  /** Keys that stay in any case. */
  readonly keep?: readonly string[];
  /** Only says what would be removed. */
  readonly isDryRun?: boolean;
}

/** A checkpoint that was looked at and can be tried. */
export interface Checkpoint {
  readonly key: string;
  /** For `VM.create({from})`. */
  readonly machineDirectory: string;
  /** Results of the first steps, which it holds. */
  readonly steps: readonly SavedStep[];
}

/** `busy`: another gondolin is saving the same one. */
export type AddOutcome =
  | { readonly kind: 'saved'; readonly diskBytes: number }
  | { readonly kind: 'existed' | 'busy' };

export interface AddOptions {
  /** Takes the place of one that is there. */
  readonly isReplacing: boolean;
}

/** A listed checkpoint; `facts` is null when it is damaged. */
export interface ListedCheckpoint extends SavedDirectory {
  readonly facts: CheckpointFacts | null;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function removeOldFiles(directory: string, olderThanMs: number): Promise<void> {
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const stat = await lstat(path).catch(() => null);
    const isOld = stat?.isFile() === true && Date.now() - stat.mtimeMs >= olderThanMs;
    if (isOld) await rm(path, { force: true });
  }
}

function readFacts(directory: string): Promise<string | null> {
  return readTextFile(join(directory, FACTS), MAX_FACTS_BYTES);
}

/**
 * Machines saved behind steps: `<checkpoints>/<key>/`. A checkpoint appears complete or not at all, and who runs on one
 * keeps its files when it is removed.
 */
export class CheckpointStore {
  readonly #parent: string;

  /** @param parent  `Directories.checkpoints`; need not exist. */
  constructor(parent: string) {
    this.#parent = parent;
  }

  #directory(key: string): string {
    if (!isCheckpointKey(key)) throw new RangeError(`'${key}' is no checkpoint key`);
    return join(this.#parent, key);
  }

  /**
   * The checkpoint of this key and number of steps; null when there is none. Takes no lock.
   * @throws {GondolinError} SNAPSHOT_REFUSED when it is damaged.
   */
  async find(key: string, stepCount: number): Promise<Checkpoint | null> {
    const directory = this.#directory(key);
    const text = await readFacts(directory);
    if (text === null) return null;
    const facts = parseFacts(text);
    if (facts?.key !== key || facts.steps.length !== stepCount) {
      throw new GondolinError('SNAPSHOT_REFUSED', `Cannot restore ${directory}: it is damaged`, {
        details: { directory },
      });
    }
    return { key, machineDirectory: join(directory, MACHINE_DIRECTORY), steps: facts.steps };
  }

  /** Counts as a use: what was not used for long is removed first. */
  async touch(key: string): Promise<void> {
    const now = new Date();
    try {
      await utimes(this.#directory(key), now, now);
    } catch (error) {
      // Removed meanwhile: who runs on it keeps its files.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /**
   * Adds a checkpoint whose machine `save` writes into the directory it is given.
   * @throws what `save` throws, with nothing left behind; HOST_… of the directory and the lock.
   */
  async add(
    facts: CheckpointFacts,
    save: (machineDirectory: string) => Promise<void>,
    { isReplacing }: AddOptions,
  ): Promise<AddOutcome> {
    const { tryLockFile } = await import('../../host/file-lock.ts');
    const lock = await tryLockFile(join(this.#parent, `${facts.key}.lock`), 'exclusive');
    if (lock === null) return { kind: 'busy' };
    try {
      await sweepTemporaries(this.#parent);
      const directory = this.#directory(facts.key);
      if (!isReplacing && (await readFacts(directory)) !== null) return { kind: 'existed' };
      // What has no facts there is something of another program's, or of a killed one.
      await replaceDirectoryAtomic(directory, async (temporary) => {
        const machine = join(temporary, MACHINE_DIRECTORY);
        await ensureDirectory(machine);
        await save(machine);
        await writeFile(join(temporary, FACTS), `${JSON.stringify(facts)}\n`, { mode: 0o600 });
      });
      return { kind: 'saved', diskBytes: await diskBytesOf(directory) };
    } catch (cause) {
      throw asHostError(cause, this.#parent);
    } finally {
      lock.release();
    }
  }

  /** Removes a checkpoint; the next run makes it anew. */
  async discard(key: string): Promise<void> {
    await removeSavedDirectory(this.#parent, key);
  }

  /** Every checkpoint, the longest unused first. */
  async list(): Promise<ListedCheckpoint[]> {
    const entries = await listSavedDirectories(this.#parent, isCheckpointKey);
    const described = entries.map(async (entry) => {
      const text = await readFacts(entry.path);
      return { ...entry, facts: text === null ? null : parseFacts(text) };
    });
    return Promise.all(described);
  }

  /** Removes checkpoints by age, with their records and lock files. */
  async prune(options: PruneCheckpointsOptions): Promise<PruneResult> {
    const { olderThanMs, isDryRun } = options;
    const result = await pruneSavedDirectories(this.#parent, {
      ...options,
      isName: isCheckpointKey,
    });
    if (olderThanMs === undefined || isDryRun === true) return result;
    await removeOldFiles(join(this.#parent, RECORDS), olderThanMs);
    await this.#removeFreeLocks();
    return result;
  }

  /**
   * Removes the lock files of checkpoints that are not there. Two processes that then lock two files of one name both
   * save, and the second finds that the first was faster.
   */
  async #removeFreeLocks(): Promise<void> {
    const names = await namesIn(this.#parent);
    const free = names.filter((name) => {
      const key = name.replace(/\.lock$/, '');
      return key !== name && isCheckpointKey(key) && !names.includes(key);
    });
    for (const name of free) {
      const { tryLockFile } = await import('../../host/file-lock.ts');
      const lock = await tryLockFile(join(this.#parent, name), 'exclusive');
      if (lock !== null) await rm(join(this.#parent, name), { force: true });
      lock?.release();
    }
  }
}
