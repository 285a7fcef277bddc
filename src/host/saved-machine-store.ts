import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Decoder, decodeJson, decodeOrNull } from '../util/json-decoder.ts';
import { buildDirectoryAtomic, replaceDirectoryAtomic, sweepTemporaries } from './atomic-write.ts';
import { ensureDirectory } from './directories.ts';
import type { FileLock } from './file-lock.ts';
import { readTextFile } from './read-text-file.ts';
import {
  diskBytesOf,
  listSavedDirectories,
  type PruneOptions,
  type PruneResult,
  pruneSavedDirectories,
  removeSavedDirectory,
  type SavedDirectory,
} from './saved-directories.ts';
import { asHostError } from './system-failure.ts';

/** The differences between templates, checkpoints and snapshots as directories. */
export interface SavedMachineKind<Facts> {
  /** True for names of entries, among other names in the store's directory. */
  readonly isName: (name: string) => boolean;
  /** File of an entry with its facts, as JSON. Written last. */
  readonly factsFile: string;
  readonly maxFactsBytes: number;
  readonly facts: Decoder<Facts>;
  /** Directory of an entry with the machine's files; empty for the entry itself. */
  readonly machineDirectory: string;
  /** Returns what to do about a damaged entry. @default the hint of SNAPSHOT_REFUSED */
  readonly damagedHint?: (name: string) => string;
}

/** A listed entry; `facts` is null when it is damaged. */
export interface ListedMachine<Facts> extends SavedDirectory {
  readonly facts: Facts | null;
}

/**
 * Saved machines in one directory, one directory each: `<parent>/<name>/`. An entry appears complete or not at all, and a
 * VM that runs on one keeps its files when it is removed.
 */
export class SavedMachineStore<Facts> {
  readonly #parent: string;
  readonly #kind: SavedMachineKind<Facts>;

  /** @param parent  Need not exist. */
  constructor(parent: string, kind: SavedMachineKind<Facts>) {
    this.#parent = parent;
    this.#kind = kind;
  }

  /** Directory of an entry, which may not exist. The caller checks names that a person gave. */
  entryDirectory(name: string): string {
    if (!this.#kind.isName(name)) throw new RangeError(`'${name}' is no name of this store`);
    return join(this.#parent, name);
  }

  /** Directory with an entry's machine, for `VM.create({from})`. */
  machineDirectory(name: string): string {
    return join(this.entryDirectory(name), this.#kind.machineDirectory);
  }

  #readFacts(directory: string): Promise<string | null> {
    return readTextFile(join(directory, this.#kind.factsFile), this.#kind.maxFactsBytes);
  }

  /** True for an entry that is complete, damaged or not. */
  async has(name: string): Promise<boolean> {
    return (await this.#readFacts(this.entryDirectory(name))) !== null;
  }

  /**
   * Reads the facts of an entry; null when there is none. Takes no lock.
   * @throws {GondolinError} SNAPSHOT_REFUSED naming the file and the field when it is damaged.
   */
  async find(name: string): Promise<Facts | null> {
    const directory = this.entryDirectory(name);
    const text = await this.#readFacts(directory);
    if (text === null) return null;
    const decoded = decodeJson(text, this.#kind.facts);
    if (decoded.ok) return decoded.value;
    throw this.damaged(name, `${this.#kind.factsFile} is damaged: ${decoded.problem}`);
  }

  /** Returns the SNAPSHOT_REFUSED error of an entry that cannot be used. */
  damaged(name: string, reason: string): GondolinError {
    const directory = this.entryDirectory(name);
    const hint = this.#kind.damagedHint?.(name);
    return new GondolinError('SNAPSHOT_REFUSED', `Cannot restore ${directory}: ${reason}`, {
      ...(hint === undefined ? {} : { hint }),
      details: { directory },
    });
  }

  /**
   * Adds an entry whose machine `save` writes into the directory it receives.
   * @param isReplacing  Replaces an entry of that name, complete or not; else the existing one stays.
   * @returns The bytes that the new entry takes on disk; null when one of that name existed.
   * @throws {GondolinError} HOST_… when the disk is full or the directory belongs to another user; what `save` throws. Nothing is left of the new entry then.
   */
  async add(
    name: string,
    facts: Facts,
    save: (machineDirectory: string) => Promise<void>,
    isReplacing: boolean,
  ): Promise<number | null> {
    const directory = this.entryDirectory(name);
    try {
      await sweepTemporaries(this.#parent);
      const fill = async (temporary: string) => {
        const machine = join(temporary, this.#kind.machineDirectory);
        await ensureDirectory(machine);
        await save(machine);
        const path = join(temporary, this.#kind.factsFile);
        await writeFile(path, `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
      };
      if (isReplacing) await replaceDirectoryAtomic(directory, fill);
      else if ((await buildDirectoryAtomic(directory, fill)) === 'existed') return null;
      return await diskBytesOf(directory);
    } catch (error) {
      throw asHostError(error, this.#parent);
    }
  }

  /** Records a use: the longest unused entries are removed first. */
  async touch(name: string): Promise<void> {
    const now = new Date();
    try {
      await utimes(this.entryDirectory(name), now, now);
    } catch (error) {
      // Removed meanwhile: a VM that runs on it keeps its files.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Removes an entry; false when there is none. */
  remove(name: string): Promise<boolean> {
    return removeSavedDirectory(this.#parent, name);
  }

  /** Lists every entry, the longest unused first. */
  async list(): Promise<ListedMachine<Facts>[]> {
    const entries = await listSavedDirectories(this.#parent, this.#kind.isName);
    const described = entries.map(async (entry) => {
      const facts = decodeOrNull(await this.#readFacts(entry.path), this.#kind.facts);
      return { ...entry, facts };
    });
    return Promise.all(described);
  }

  /** Removes entries by age that no machine runs on, and what killed gondolins left half-written. */
  prune(options: Omit<PruneOptions, 'isName'>): Promise<PruneResult> {
    return pruneSavedDirectories(this.#parent, { ...options, isName: this.#kind.isName });
  }

  /** Waits for the lock of an entry's name: one process saves it while the others wait. */
  async lock(name: string, signal: AbortSignal | undefined): Promise<FileLock> {
    // Loaded here: restoring an entry needs none of it.
    const { lockFile } = await import('./file-lock.ts');
    return lockFile(join(this.#parent, `${name}.lock`), 'exclusive', { signal });
  }

  /** Takes the lock of an entry's name; null when another process has it. */
  async tryLock(name: string): Promise<FileLock | null> {
    const { tryLockFile } = await import('./file-lock.ts');
    return tryLockFile(join(this.#parent, `${name}.lock`), 'exclusive');
  }
}
