import type { TurnQueue } from '../../util/turn-scheduler.ts';
import { MAX_NOTIFICATION_BYTES } from '../bounds/limits.ts';
import {
  type HeldNode,
  type Mount,
  type NodeTable,
  type ToldAttributes,
  withUniqueIno,
} from '../nodes/node-table.ts';
import type { Attributes, DirectoryChange, VfsNode } from '../provider.ts';
import type { GuestView } from './guest-view.ts';
import {
  encodeStaleName,
  encodeStaleNode,
  type StaleName,
  type StaleNode,
} from './notification.ts';

export interface LiveFilesOptions {
  readonly ids: NodeTable;
  readonly view: GuestView;
  readonly turns: TurnQueue;
  /** Sends a message to the guest. Calls `onDrained` once it has left this process or never will. */
  readonly send: (message: Buffer, onDrained: () => void) => void;
}

/** A directory, or a name in it, that may have changed. */
interface Suspect {
  readonly directory: HeldNode;
  readonly name: string | null;
  isData: boolean;
}

/** A change of contents within this time of a write by the guest may be that write. */
const OWN_WRITE_MS = 1_000;
/**
 * A reply that is on its way when its node changes may reach the guest's tables after the notification: the node is
 * notified again after these times.
 */
const REPEATS_MS = [50, 500];
/** Directories can be nested this deep below one that moved; deeper ones are asked for when they are used. */
const MAX_DEPTH = 2_000;

/**
 * Tells the guest what changes on the host. A change that a provider reports is a suspicion only: what the guest has received is
 * compared with the file as it is now, so that the guest's own changes, which are reported too, cost it nothing.
 */
export class LiveFiles {
  readonly #options: LiveFilesOptions;
  readonly #suspects = new Map<string, Suspect>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isRunning = false;
  #isPaused = false;
  #isClosed = false;
  #sentBytes = 0;
  #onDrained: () => void = () => undefined;

  constructor(options: LiveFilesOptions) {
    this.#options = options;
  }

  /** Receives what a mount's provider reports: see `ChangeSource`. */
  onChange(mount: Mount, change: DirectoryChange | null): void {
    if (this.#isClosed) return;
    if (change === null) {
      this.#suspectAll((held) => held.mount === mount);
    } else {
      const directory = this.#options.ids.heldOf(change.directory);
      if (directory !== null) this.#suspect(directory, change.name, change.isData);
    }
    this.#run();
  }

  #suspect(directory: HeldNode, name: string | null, isData: boolean): void {
    const key = `${directory.id}/${name ?? ''}`;
    const known = this.#suspects.get(key);
    if (known === undefined) this.#suspects.set(key, { directory, name, isData });
    else known.isData ||= isData;
  }

  #suspectAll(isConcerned: (held: HeldNode) => boolean): void {
    for (const held of this.#options.ids.all()) {
      if (!isConcerned(held)) continue;
      for (const name of held.names?.keys() ?? []) this.#suspect(held, name, true);
      this.#suspect(held, null, false);
    }
  }

  /** Sends nothing until {@link resume}: the guest is being saved. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#suspects.clear();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#onDrained();
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Rejects when the server ends.
    this.#examineAll().catch(() => undefined);
  }

  async #examineAll(): Promise<void> {
    try {
      for (const [key, suspect] of this.#suspects) {
        if (this.#options.turns.isSpent) await this.#options.turns.next();
        if (this.#sentBytes > MAX_NOTIFICATION_BYTES) await this.#drained();
        if (this.#isPaused || this.#isClosed) return;
        this.#suspects.delete(key);
        await this.#examine(suspect);
      }
    } finally {
      // In the same turn as the last look at the suspects: a later one starts this again.
      this.#isRunning = false;
    }
  }

  async #examine({ directory, name, isData }: Suspect): Promise<void> {
    if (this.#options.ids.find(directory.id) !== directory) return;
    if (name === null) return this.compare(directory, isData);
    const id = directory.names?.get(name);
    if (id === undefined) return;
    const known = this.#options.ids.find(id);
    const current = currentNode(directory, name);
    const isRight = known === null ? id === 0 && current === null : current === known.node;
    if (!isRight) this.#changedName(directory, name);
    else if (known !== null) await this.compare(known, isData);
  }

  #changedName(directory: HeldNode, name: string): void {
    const known = this.#options.view.dropped(directory, name);
    this.#sendName({ directoryId: directory.id, name });
    // The guest's kernel asks for the directory's own attributes as well.
    directory.told = null;
    if (known === null) return;
    this.expire(known, false);
    // It may have left the volume, with everything that the guest knows below it.
    if (known.names !== null) this.#expireBelow(known);
  }

  #expireBelow(top: HeldNode): void {
    // All of them before the first loses its place.
    for (const held of [...this.#options.ids.all()].filter((each) => isBelow(each, top))) {
      for (const name of [...(held.names?.keys() ?? [])]) {
        this.#options.view.dropped(held, name);
        this.#sendName({ directoryId: held.id, name });
      }
      this.expire(held, false);
    }
    for (const name of [...(top.names?.keys() ?? [])]) this.#suspect(top, name, false);
  }

  /**
   * Compares a node's attributes with those that the guest has received; makes it ask again when they differ.
   * @param isData  True when its contents may have changed as well.
   */
  async compare(held: HeldNode, isData: boolean, read?: Attributes): Promise<void> {
    const now = read ?? (await currentAttributes(held));
    const { told } = held;
    const isSame = now !== null && told !== null && isUnchanged(told, now);
    const isOwn = performance.now() - held.writtenAtMs < OWN_WRITE_MS;
    // Without times to tell by: data written by the host between two looks of the guest at the same times.
    const dropsData = isData && !isOwn && !(isSame && told.isSettled);
    if (dropsData) this.expire(held, true);
    else if (!isSame && told !== null) this.expire(held, told.isLink);
  }

  /** Makes the guest ask for a node's attributes again. */
  expire(held: HeldNode, dropsData: boolean): void {
    const isRecent = held.told === null || performance.now() - held.told.atMs < OWN_WRITE_MS;
    held.told = null;
    if (dropsData) held.openedCtimeNs = null;
    const stale = { nodeId: held.id, dropsData };
    this.#sendNode(stale);
    if (isRecent) for (const ms of REPEATS_MS) this.#later(ms, () => this.#sendAgain(held, stale));
  }

  /** Makes the guest ask for a name that nobody watches any more. */
  expireName(name: StaleName): void {
    this.#sendName(name);
  }

  #sendAgain(held: HeldNode, stale: StaleNode): void {
    const isUnasked = held.told === null && this.#options.ids.find(held.id) === held;
    if (isUnasked && !this.#isPaused) this.#sendNode(stale);
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  #sendNode(stale: StaleNode): void {
    this.#send(encodeStaleNode(stale));
  }

  #sendName(stale: StaleName): void {
    this.#send(encodeStaleName(stale));
  }

  #send(message: Buffer): void {
    this.#sentBytes += message.length;
    this.#options.send(message, () => {
      this.#sentBytes -= message.length;
      if (this.#sentBytes <= MAX_NOTIFICATION_BYTES) this.#onDrained();
    });
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }
}

/** Returns the node that a name leads to now, as `ChangeSource.current` does. */
export function currentNode({ mount, node }: HeldNode, name: string): VfsNode | null | undefined {
  try {
    return mount.provider.changes?.current(node, name);
  } catch {
    // The directory is gone or has moved away: the guest learns why when it asks.
    return undefined;
  }
}

async function currentAttributes({ mount, node }: HeldNode): Promise<Attributes | null> {
  try {
    return withUniqueIno(mount, await mount.provider.attributes(node));
  } catch {
    return null;
  }
}

function isUnchanged(told: ToldAttributes, now: Attributes): boolean {
  const { ino, sizeBytes, mtimeNs, ctimeNs } = now;
  const isSameTime = told.mtimeNs === mtimeNs && told.ctimeNs === ctimeNs;
  return isSameTime && told.sizeBytes === sizeBytes && told.ino === ino;
}

function isBelow(held: HeldNode, top: HeldNode): boolean {
  let at = held.place?.directory;
  for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth++) {
    if (at === top) return true;
    at = at.place?.directory;
  }
  return false;
}
