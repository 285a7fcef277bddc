import { resolve } from 'node:path';
import type { Engine } from './engine/engine.ts';
import type { SnapshotPlace } from './engine/engines.ts';
import { invalidArgument } from './errors.ts';
import { checkText } from './program.ts';
import type { SandboxCore } from './sandbox-core.ts';
import { readSnapshot, type SavedSnapshot, writeSnapshot } from './saved-snapshot.ts';

interface WeakPlace {
  readonly core: WeakRef<SandboxCore>;
  readonly engine: WeakRef<Engine>;
  readonly id: number;
}

/** Snapshots that nobody holds any more free their memory in the guests. */
const forgotten = new FinalizationRegistry<readonly WeakPlace[]>((places) => {
  for (const { core, engine, id } of places) {
    const held = engine.deref();
    if (held !== undefined) core.deref()?.forget({ engine: held, id });
  }
});

/**
 * The state of a sandbox at one moment, to be restored any number of times. Opaque.
 *
 * @example
 * const snapshot: Snapshot = await loaded.snapshot();
 * await loaded.restore(snapshot);
 */
export class Snapshot {
  /** The sandboxes that have it in their guest. */
  readonly #places = new Map<SandboxCore, SnapshotPlace>();
  /** The same, for when this object is gone. */
  readonly #weakPlaces: WeakPlace[] = [];
  /** Null for one that was made in this process. */
  readonly #saved: SavedSnapshot | null;

  private constructor(saved: SavedSnapshot | null) {
    this.#saved = saved;
    forgotten.register(this, this.#weakPlaces);
  }

  /** @internal The snapshot that waits in a guest. */
  static at(core: SandboxCore, place: SnapshotPlace): Snapshot {
    const snapshot = new Snapshot(null);
    snapshot.#add(core, place);
    return snapshot;
  }

  /**
   * Returns the snapshot that `save` wrote into a directory, for a sandbox whose build has the same sizes and host functions. The
   * directory must stay for as long as it is used: its memory is read when it is needed.
   * @param directory  A host path.
   * @throws {GondolinError} ERR_INVALID_ARG; SNAPSHOT_REFUSED when there is none, or its files are damaged or of another version.
   */
  static async load(directory: string): Promise<Snapshot> {
    checkText('directory', directory);
    return new Snapshot(await readSnapshot(resolve(directory)));
  }

  /**
   * Writes the snapshot into a directory, for `Snapshot.load` in this process or another one: the memory of the machine with what its
   * handlers keep there. The sandbox waits meanwhile, and continues.
   * @param directory  A host path; made with mode 0700 if missing, else it must be empty.
   * @throws {GondolinError} ERR_INVALID_ARG, also for a snapshot that was loaded: copy its directory; ERR_GUEST_ABORT when the machine has ended;
   * MACHINE_STATE_FAILED, HOST_DIRECTORY_UNUSABLE. Then the directory is as it was.
   */
  async save(directory: string): Promise<void> {
    checkText('directory', directory);
    const [held] = this.#places;
    if (this.#saved !== null || held === undefined) {
      throw invalidArgument(`snapshot: is saved in ${this.#saved?.directory}; copy that directory`);
    }
    const [core, { engine, id }] = held;
    const { sizes, host, network } = core.setup;
    const facts = { id, sizes, hostModules: host.names(), hasNetwork: network !== null };
    const save = (place: string) => core.inOrder(() => engine.save(place));
    await writeSnapshot(resolve(directory), facts, save);
  }

  /** @internal @throws {GondolinError} ERR_INVALID_ARG for a sandbox that it cannot be restored in. */
  checkFor(core: SandboxCore): void {
    if (this.#saved === null) {
      if (this.#places.has(core)) return;
      throw invalidArgument('snapshot: want one of a sandbox of the same build');
    }
    const { sizes, hostModules, hasNetwork } = this.#saved;
    const size = Object.entries(core.setup.sizes).find(
      ([name, bytes]) => sizes[name as keyof typeof sizes] !== bytes,
    );
    if (size !== undefined) {
      const [name, bytes] = size;
      const saved = sizes[name as keyof typeof sizes];
      throw invalidArgument(`snapshot: its ${name} size is ${saved}, and this sandbox's ${bytes}`);
    }
    const missing = core.setup.host.missing(hostModules);
    if (missing !== null) {
      throw invalidArgument(`snapshot: needs ${missing}, which this build has not registered`);
    }
    if (hasNetwork && core.setup.network === null) {
      throw invalidArgument('snapshot: needs a network, which this build has not: setNetwork()');
    }
  }

  /** @internal Call after `checkFor`, in the order of the sandbox's requests. */
  async restoreIn(core: SandboxCore): Promise<void> {
    const place = this.#places.get(core);
    const isThere = place !== undefined && (this.#saved === null || !place.engine.hasEnded);
    if (isThere) await core.restore(place);
    else if (this.#saved !== null) this.#add(core, await core.restoreSaved(this.#saved));
  }

  #add(core: SandboxCore, { engine, id }: SnapshotPlace): void {
    this.#places.set(core, { engine, id });
    this.#weakPlaces.push({ core: new WeakRef(core), engine: new WeakRef(engine), id });
  }
}
