import type { TurnQueue } from '../../util/turn-scheduler.ts';
import { MAX_NOTIFICATION_BYTES } from '../bounds/limits.ts';
import {
  type HeldNode,
  isOwnChange,
  keepsData,
  type Mount,
  type NodeTable,
} from '../nodes/node-table.ts';
import type { Attributes, CurrentEntry, DirectoryChange } from '../provider.ts';
import { type ChangedName, EditAnnouncer } from './edit-announcer.ts';
import { EditLog } from './edit-log.ts';
import type { GuestView } from './guest-view.ts';
import {
  encodeStaleName,
  encodeStaleNode,
  type StaleName,
  type StaleNode,
} from './notification.ts';
import { attributesOf, isUnchanged } from './own-change.ts';
import { Repeats } from './repeats.ts';
import { type Suspect, Suspects } from './suspects.ts';
import { WholeDirectories } from './whole-directories.ts';

export interface LiveFilesOptions {
  readonly ids: NodeTable;
  readonly view: GuestView;
  readonly turns: TurnQueue;
  /** Sends a message to the guest. Calls `onDrained` once it has left this process or never will. */
  readonly send: (message: Buffer, onDrained: () => void) => void;
}

/** A reply of this age may still be on its way. */
const RECENT_MS = 1_000;
/** Directories can be nested this deep below one that moved; deeper ones are asked for when they are used. */
const MAX_DEPTH = 2_000;

/**
 * Tells the guest what changes on the host. A change that a provider reports is a suspicion only: what the guest has received is
 * compared with the file as it is now, so that the guest's own changes, which are reported too, cost it nothing.
 */
export class LiveFiles {
  readonly #options: LiveFilesOptions;
  readonly #suspects = new Suspects();
  /** None while the guest is being saved. */
  readonly #repeats = new Repeats(() => !this.#isPaused);
  /** The edits that the agent may repeat. */
  readonly edits = new EditLog();
  /** The directories of which the agent knows every name. */
  readonly whole: WholeDirectories;
  readonly #announcer: EditAnnouncer;
  #isRunning = false;
  #isPaused = false;
  #isClosed = false;
  #sentBytes = 0;
  #onDrained: () => void = () => undefined;

  constructor(options: LiveFilesOptions) {
    this.#options = options;
    const send = (message: Buffer) => this.#send(message);
    this.#announcer = new EditAnnouncer(this.edits, send);
    this.whole = new WholeDirectories({ ids: options.ids, view: options.view, send });
  }

  /** Receives what a mount's provider reports: see `ChangeSource`. */
  onChange(mount: Mount, change: DirectoryChange | null): void {
    if (this.#isClosed) return;
    if (change === null) {
      this.#suspectAll((held) => held.mount === mount);
    } else {
      const directory = this.#options.ids.heldOf(change.directory);
      if (directory !== null) this.#suspects.add(directory, change.name, change.kind, true);
    }
    this.#run();
  }

  /** Notes that the guest removes a name itself. */
  noteRemoved(directory: HeldNode, name: string): void {
    if (this.#options.view.watches(directory)) this.edits.noteRemoved(directory, name);
  }

  #suspectAll(isConcerned: (held: HeldNode) => boolean): void {
    for (const held of this.#options.ids.all()) {
      if (!isConcerned(held)) continue;
      for (const name of held.names?.keys() ?? []) this.#suspects.add(held, name, 'data');
      this.#suspects.add(held, null, 'data');
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
    this.#repeats.close();
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
      // Events that come at once are one suspicion for each name: of a file that was changed and renamed, the rename.
      await Promise.resolve();
      for (const key of this.#suspects.keys()) {
        if (this.#options.turns.isSpent) await this.#options.turns.next();
        if (this.#sentBytes > MAX_NOTIFICATION_BYTES) await this.#drained();
        if (this.#isPaused || this.#isClosed) return;
        const suspect = this.#suspects.take(key);
        if (suspect !== null) await this.#examine(suspect);
        if (this.#suspects.size === 0) this.#announcer.flush();
      }
    } finally {
      // In the same turn as the last look at the suspects: a later one starts this again.
      this.#isRunning = false;
    }
  }

  async #examine(suspect: Suspect): Promise<void> {
    const { directory, name, kinds } = suspect;
    if (this.#options.ids.find(directory.id) !== directory) return;
    if (kinds.has('unwatched')) this.#unwatched(directory);
    else if (name !== null) await this.#examineName(directory, name, suspect);
    else if (kinds.has('name')) this.expire(directory, true);
    else {
      // Events were lost.
      if (kinds.has('data')) this.whole.doubt(directory);
      await this.compare(directory, kinds.has('data'));
    }
  }

  async #examineName(directory: HeldNode, name: string, suspect: Suspect): Promise<void> {
    const { kinds } = suspect;
    if (kinds.has('name')) this.whole.nameChanged(directory, name);
    else if (await this.#isOwnAndTold(directory, name)) return;
    const current = currentEntry(directory, name);
    if (current === null && isFollowed(suspect)) return;
    const known = this.#compareName(directory, name, current);
    const node = current?.node ?? null;
    const held = node === null ? null : this.#options.ids.heldOf(node);
    const isOwn = held !== null && current !== null && isOwnChange(held, current.ctimeNs);
    const hasNewData = (kinds.has('data') || kinds.has('closed')) && !isOwn;
    if (held !== null) await this.compare(held, hasNewData);
    if (kinds.has('name')) this.#nameChanged({ directory, name, known, current, held, isOwn });
    else if (current !== null && !isOwn)
      this.#announcer.fileChanged({ directory, name, held }, current, kinds);
  }

  /**
   * Whether the last change of a file was the guest's own, and the guest knows all of it. Its name is the same: another one is reported too,
   * and is examined after this.
   */
  async #isOwnAndTold(directory: HeldNode, name: string): Promise<boolean> {
    const held = this.#options.ids.find(directory.names?.get(name) ?? 0);
    if (held === null || held.told === null) return false;
    const now = await attributesOf(held);
    return held.told !== null && isUnchanged(held.told, now) && isOwnChange(held, now.ctimeNs);
  }

  #nameChanged(changed: ChangedName): void {
    const { directory, name, current, isOwn } = changed;
    const isOwnName = current === null ? this.edits.wasRemoved(directory, name) : isOwn;
    // Its listing, once for all names that changed: another one in the same tick of the clock leaves its times as they are.
    if (!isOwnName) this.#suspects.add(directory, null, 'name');
    this.#announcer.nameChanged(changed);
  }

  /** Makes the guest forget a name that leads elsewhere. Returns the node to which it led, null if the guest knew none. */
  #compareName(directory: HeldNode, name: string, current: CurrentEntry | null): HeldNode | null {
    const id = directory.names?.get(name);
    if (id === undefined) return null;
    const known = this.#options.ids.find(id);
    if (!isCurrent(id, known, current)) this.#changedName(directory, name);
    return known;
  }

  #changedName(directory: HeldNode, name: string): void {
    const known = this.#options.view.dropped(directory, name);
    this.#sendName({ directoryId: directory.id, name });
    // The guest's kernel asks for the directory's own attributes as well.
    directory.told = null;
    if (known === null) return;
    this.whole.doubt(known);
    this.expire(known, false);
    // It may have left the volume, with everything that the guest knows below it.
    if (known.names !== null) this.#expireBelow(known);
  }

  #expireBelow(top: HeldNode): void {
    // All of them before the first loses its place.
    for (const held of [...this.#options.ids.all()].filter((each) => isBelow(each, top))) {
      this.whole.doubt(held);
      for (const name of [...(held.names?.keys() ?? [])]) {
        this.#options.view.dropped(held, name);
        this.#sendName({ directoryId: held.id, name });
      }
      this.expire(held, false);
    }
    for (const name of top.names?.keys() ?? []) this.#suspects.add(top, name, 'attributes');
  }

  /**
   * Compares a node's attributes with those that the guest has received; makes it ask again when they differ.
   * @param hasNewData  True when somebody else has changed its contents, perhaps without a trace in its times.
   */
  async compare(
    held: HeldNode,
    hasNewData: boolean,
    read: Attributes | null = null,
  ): Promise<void> {
    const now = read ?? (await attributesOf(held));
    const { told } = held;
    const isSame = told !== null && isUnchanged(told, now);
    if (hasNewData && !(isSame && told.isSettled)) this.expire(held, true);
    else if (!isSame && told !== null) this.expire(held, keepsData(told.mode));
  }

  /** Makes the guest ask for a node's attributes again. */
  expire(held: HeldNode, dropsData: boolean): void {
    const isRecent = held.told === null || performance.now() - held.told.atMs < RECENT_MS;
    held.told = null;
    if (dropsData) {
      held.openedCtimeNs = null;
      held.listingDrops += 1;
    }
    const stale = { nodeId: held.id, dropsData };
    this.#sendNode(stale);
    if (isRecent) this.#repeats.add(() => this.#sendAgain(held, stale));
  }

  /** Makes the guest drop a listing that nobody watches. */
  dropListing({ id }: HeldNode): void {
    if (!this.#isPaused && !this.#isClosed) this.#sendNode({ nodeId: id, dropsData: true });
  }

  /** Makes the guest ask for a name that nobody watches any more, also if it moves the name only when it gets the reply. */
  expireName(name: StaleName): void {
    this.#sendName(name);
    this.#repeats.add(() => this.#sendName(name));
  }

  /** Makes the guest forget the names of a directory whose watch has ended: it may have got some of them since. */
  #unwatched(directory: HeldNode): void {
    this.whole.doubt(directory);
    for (const name of [...(directory.names?.keys() ?? [])]) this.#changedName(directory, name);
    this.expire(directory, true);
  }

  #sendAgain(held: HeldNode, stale: StaleNode): void {
    const isUnasked = held.told === null && this.#options.ids.find(held.id) === held;
    if (isUnasked) this.#sendNode(stale);
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

/** Returns what a name leads to now, as `ChangeSource.current` does. */
export function currentEntry({ mount, node }: HeldNode, name: string): CurrentEntry | null {
  try {
    return mount.provider.changes?.current(node, name) ?? null;
  } catch {
    // The directory is gone or has moved away, with its names.
    return null;
  }
}

/** Whether a file without its name was reported in another way: the report that it was removed or renamed follows, and tells one from the other. */
function isFollowed({ kinds, isReported }: Suspect): boolean {
  return isReported && !kinds.has('name');
}

/** Whether a name leads where the guest thinks. */
function isCurrent(id: number, known: HeldNode | null, current: CurrentEntry | null): boolean {
  if (known === null) return id === 0 && current === null;
  return current?.node === known.node;
}

function isBelow(held: HeldNode, top: HeldNode): boolean {
  let at = held.place?.directory;
  for (let depth = 0; at !== undefined && depth < MAX_DEPTH; depth++) {
    if (at === top) return true;
    at = at.place?.directory;
  }
  return false;
}
