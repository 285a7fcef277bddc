import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  buildDirectoryAtomic,
  replaceDirectoryAtomic,
  sweepTemporaries,
} from '../../host/atomic-write.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import {
  diskBytesOf,
  listSavedDirectories,
  MACHINE_DIRECTORY,
  removeSavedDirectory,
  type SavedDirectory,
} from '../../host/saved-directories.ts';
import { asHostError } from '../../host/system-failure.ts';
import { parseSnapshotFacts, type SnapshotFacts } from './snapshot-facts.ts';

/** Below a snapshot: what it holds. Written last. */
const FACTS = 'snapshot.json';
const MAX_FACTS_BYTES = 1024 * 1024;
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export interface NamedSnapshot {
  readonly facts: SnapshotFacts;
  /** For `VM.create({from})`. */
  readonly machineDirectory: string;
}

/** A listed snapshot; `facts` is null when it is damaged. */
export interface ListedSnapshot extends SavedDirectory {
  readonly facts: SnapshotFacts | null;
}

/** @throws {GondolinError} SNAPSHOT_NAME_INVALID */
export function checkSnapshotName(name: string): void {
  if (NAME.test(name)) return;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new GondolinError('SNAPSHOT_NAME_INVALID', `${shown} is no name for a snapshot`);
}

function exists(name: string): GondolinError {
  return new GondolinError('SNAPSHOT_EXISTS', `there is a snapshot "${name}" already`);
}

/** Machines that a person saved under a name: `<snapshots>/<name>/`. Each is there as a whole or not at all. */
export class SnapshotStore {
  readonly #parent: string;

  /** @param parent  `Directories.snapshots`; need not exist. */
  constructor(parent: string) {
    this.#parent = parent;
  }

  #directory(name: string): string {
    checkSnapshotName(name);
    return join(this.#parent, name);
  }

  /** @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_NOT_FOUND, SNAPSHOT_REFUSED when it is damaged. */
  async open(name: string): Promise<NamedSnapshot> {
    const directory = this.#directory(name);
    const text = await readTextFile(join(directory, FACTS), MAX_FACTS_BYTES);
    if (text === null) {
      throw new GondolinError('SNAPSHOT_NOT_FOUND', `there is no snapshot "${name}"`);
    }
    const facts = parseSnapshotFacts(text);
    if (facts === null) {
      throw new GondolinError('SNAPSHOT_REFUSED', `snapshot "${name}" is damaged`, {
        hint: `Remove it with \`gondolin snapshot --delete ${name}\` and save it again.`,
      });
    }
    return { facts, machineDirectory: join(directory, MACHINE_DIRECTORY) };
  }

  /** @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_EXISTS */
  async checkFree(name: string): Promise<void> {
    const text = await readTextFile(join(this.#directory(name), FACTS), 1);
    if (text !== null) throw exists(name);
  }

  /**
   * Adds a snapshot whose machine `save` writes into the directory it is given. Returns what it takes on disk.
   * @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_EXISTS unless `isReplacing`; what `save` throws.
   */
  async add(
    facts: SnapshotFacts,
    save: (machineDirectory: string) => Promise<void>,
    isReplacing: boolean,
  ): Promise<number> {
    const directory = this.#directory(facts.name);
    if (!isReplacing) await this.checkFree(facts.name);
    try {
      await sweepTemporaries(this.#parent);
      const fill = async (temporary: string) => {
        const machine = join(temporary, MACHINE_DIRECTORY);
        await ensureDirectory(machine);
        await save(machine);
        const text = `${JSON.stringify(facts, null, 2)}\n`;
        await writeFile(join(temporary, FACTS), text, { mode: 0o600 });
      };
      if (isReplacing) await replaceDirectoryAtomic(directory, fill);
      else if ((await buildDirectoryAtomic(directory, fill)) === 'existed')
        throw exists(facts.name);
      return await diskBytesOf(directory);
    } catch (error) {
      throw asHostError(error, this.#parent);
    }
  }

  /** @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_NOT_FOUND */
  async remove(name: string): Promise<void> {
    checkSnapshotName(name);
    if (await removeSavedDirectory(this.#parent, name)) return;
    throw new GondolinError('SNAPSHOT_NOT_FOUND', `there is no snapshot "${name}"`);
  }

  /** Every snapshot, the oldest first. */
  async list(): Promise<ListedSnapshot[]> {
    const entries = await listSavedDirectories(this.#parent, (name) => NAME.test(name));
    const described = entries.map(async (entry) => {
      const text = await readTextFile(join(entry.path, FACTS), MAX_FACTS_BYTES);
      return { ...entry, facts: text === null ? null : parseSnapshotFacts(text) };
    });
    return Promise.all(described);
  }
}
