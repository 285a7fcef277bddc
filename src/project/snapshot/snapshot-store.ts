import { GondolinError } from '../../errors/gondolin-error.ts';
import { MACHINE_DIRECTORY } from '../../host/saved-directories.ts';
import {
  type ListedMachine,
  type SavedMachineKind,
  SavedMachineStore,
} from '../../host/saved-machine-store.ts';
import { type SnapshotFacts, snapshotFacts } from './snapshot-facts.ts';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

const SNAPSHOTS: SavedMachineKind<SnapshotFacts> = {
  isName: (name) => NAME.test(name),
  factsFile: 'snapshot.json',
  maxFactsBytes: 1024 * 1024,
  facts: snapshotFacts,
  machineDirectory: MACHINE_DIRECTORY,
  damagedHint: (name) => `Remove it with \`gondolin snapshot --delete ${name}\` and save it again.`,
};

export interface NamedSnapshot {
  readonly facts: SnapshotFacts;
  /** For `VM.create({from})`. */
  readonly machineDirectory: string;
}

/** @throws {GondolinError} SNAPSHOT_NAME_INVALID */
export function checkSnapshotName(name: string): void {
  if (NAME.test(name)) return;
  const shown = JSON.stringify(name.slice(0, 80));
  throw new GondolinError('SNAPSHOT_NAME_INVALID', `${shown} is not a valid snapshot name`);
}

function exists(name: string): GondolinError {
  return new GondolinError('SNAPSHOT_EXISTS', `snapshot "${name}" already exists`);
}

function notFound(name: string): GondolinError {
  return new GondolinError('SNAPSHOT_NOT_FOUND', `there is no snapshot "${name}"`);
}

/** Machines that a person saved under a name: `<snapshots>/<name>/`. */
export class SnapshotStore {
  readonly #store: SavedMachineStore<SnapshotFacts>;

  /** @param parent  `Directories.snapshots`; need not exist. */
  constructor(parent: string) {
    this.#store = new SavedMachineStore(parent, SNAPSHOTS);
  }

  /** @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_NOT_FOUND, SNAPSHOT_REFUSED when it is damaged. */
  async open(name: string): Promise<NamedSnapshot> {
    checkSnapshotName(name);
    const facts = await this.#store.find(name);
    if (facts === null) throw notFound(name);
    return { facts, machineDirectory: this.#store.machineDirectory(name) };
  }

  /** @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_EXISTS */
  async checkFree(name: string): Promise<void> {
    checkSnapshotName(name);
    if (await this.#store.has(name)) throw exists(name);
  }

  /**
   * Adds a snapshot whose machine `save` writes into the directory it receives. Returns the bytes it takes on disk.
   * @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_EXISTS unless `isReplacing`; what `save` throws.
   */
  async add(
    facts: SnapshotFacts,
    save: (machineDirectory: string) => Promise<void>,
    isReplacing: boolean,
  ): Promise<number> {
    checkSnapshotName(facts.name);
    if (!isReplacing) await this.checkFree(facts.name);
    const diskBytes = await this.#store.add(facts.name, facts, save, isReplacing);
    if (diskBytes === null) throw exists(facts.name);
    return diskBytes;
  }

  /** @throws {GondolinError} SNAPSHOT_NAME_INVALID, SNAPSHOT_NOT_FOUND */
  async remove(name: string): Promise<void> {
    checkSnapshotName(name);
    if (!(await this.#store.remove(name))) throw notFound(name);
  }

  /** Lists every snapshot, the oldest first. */
  list(): Promise<ListedMachine<SnapshotFacts>[]> {
    return this.#store.list();
  }
}
