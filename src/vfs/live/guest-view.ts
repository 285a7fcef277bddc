import { Budget } from '../bounds/budget.ts';
import { KNOWN_NAMES } from '../bounds/limits.ts';
import { RENAME_EXCHANGE, S_IFDIR, S_IFMT } from '../file-mode.ts';
import { type HeldNode, type NodeTable, noteOwnChange } from '../nodes/node-table.ts';
import type { RecentAttributes } from '../nodes/recent-attributes.ts';
import type { Attributes } from '../provider.ts';
import { isSettled } from '../settled.ts';
import type { StaleName } from './notification.ts';
import { isUnchanged } from './own-change.ts';

/** Validity of what the guest is notified of. Finite, for changes that no kernel reports. */
const WATCHED_TTL_MS = 3_600_000;
const ABSENT = 0;

/** A name of a directory in a request, with whether the guest will be notified when it changes. */
export interface NamePlace {
  readonly directory: HeldNode;
  readonly name: string;
  readonly isWatched: boolean;
}

/** A name that the guest may use although nobody watches it, with its node; null when that is not known. */
export interface MovedName extends StaleName {
  readonly held: HeldNode | null;
}

/**
 * Knows what the guest's kernel keeps of names and attributes without asking again, as far as it follows from our replies. It may
 * know less, since it forgets as it likes, but never more: what changes in here without the guest's doing has to be notified.
 */
export class GuestView {
  readonly #ids: NodeTable;
  readonly #recent: RecentAttributes;
  readonly #names: Budget;
  readonly #isWatching: boolean;

  /** @param isWatching  False to let the guest ask for everything after the providers' `ttlMs`. */
  constructor(
    ids: NodeTable,
    recent: RecentAttributes,
    isWatching: boolean,
    names: Budget = new Budget(KNOWN_NAMES),
  ) {
    this.#ids = ids;
    this.#recent = recent;
    this.#isWatching = isWatching;
    this.#names = names;
    ids.onForgotten = (held) => this.#forgotten(held);
  }

  /** Whether changes in a directory are reported from now on. Call it before reading what the guest is to keep. */
  watches(directory: HeldNode): boolean {
    return this.#isWatching && directory.mount.provider.changes?.covers(directory.node) === true;
  }

  /** The place of a name, watched from now on if that is possible. */
  place(directory: HeldNode, name: string): NamePlace {
    return { directory, name, isWatched: this.watches(directory) };
  }

  /** The guest learns that a name leads to a node. Returns for how long it may use that, in milliseconds. */
  entered({ directory, name, isWatched }: NamePlace, held: HeldNode): number {
    held.place = { directory, name };
    const isKept = isWatched && this.#keep(directory, name, held.id);
    return isKept ? WATCHED_TTL_MS : directory.mount.provider.ttlMs;
  }

  /** The guest learns that a name does not exist. Returns for how long it may use that; 0 when it has to ask each time. */
  absent({ directory, name, isWatched }: NamePlace): number {
    return isWatched && this.#keep(directory, name, ABSENT) ? WATCHED_TTL_MS : 0;
  }

  #keep(directory: HeldNode, name: string, id: number): boolean {
    directory.names ??= new Map();
    if (!directory.names.has(name) && !this.#names.tryTake(1)) return false;
    directory.names.set(name, id);
    return true;
  }

  /** The guest does not use the name any more without asking. Returns the node that it led to, if any. */
  dropped(directory: HeldNode, name: string): HeldNode | null {
    const id = directory.names?.get(name);
    if (id === undefined) return null;
    directory.names?.delete(name);
    this.#names.give(1);
    const held = this.#ids.find(id);
    if (held !== null && isAt(held, directory, name)) held.place = null;
    return held;
  }

  /** Returns the names that the guest has to be notified of. */
  renamed(from: NamePlace, to: NamePlace, flags: number): MovedName[] {
    const moved = this.dropped(from.directory, from.name);
    const replaced = this.dropped(to.directory, to.name);
    const unwatched = this.#moved(moved, from, to);
    if (flags !== RENAME_EXCHANGE) return unwatched;
    return [...unwatched, ...this.#moved(replaced, to, from)];
  }

  /** The guest keeps the validity that a name had when it moves it. */
  #moved(held: HeldNode | null, former: NamePlace, place: NamePlace): MovedName[] {
    const stale = { directoryId: place.directory.id, name: place.name };
    // The notification that dropped the former name may still be on its way: the guest then moves the name with a long validity.
    if (held === null) return former.isWatched ? [{ ...stale, held: null }] : [];
    this.entered(place, held);
    noteOwnChange(held);
    const isKept = place.directory.names?.has(place.name) === true;
    return isKept ? [] : [{ ...stale, held }];
  }

  /** Watches what changes a node's attributes, as far as that is possible. Call it before reading them. */
  watchAttributes(held: HeldNode): { readonly asDirectory: boolean; readonly asFile: boolean } {
    const asDirectory = this.watches(held);
    const { place } = held;
    return { asDirectory, asFile: !asDirectory && place !== null && this.watches(place.directory) };
  }

  /**
   * The guest receives a node's attributes. Returns for how long it may use them, in milliseconds.
   * @param watched  From {@link watchAttributes}, called before they were read.
   */
  told(
    held: HeldNode,
    attributes: Attributes,
    watched: ReturnType<GuestView['watchAttributes']>,
  ): number {
    const { ino, mode, nlink, uid, gid, sizeBytes, mtimeNs, ctimeNs } = attributes;
    held.ino = ino;
    held.type = mode & S_IFMT;
    const isDirectory = held.type === S_IFDIR;
    // A file with several names can be changed under one that is not watched.
    const isWatched = isDirectory ? watched.asDirectory : watched.asFile && nlink === 1;
    if (!isWatched) {
      held.told = null;
      this.#recent.record(held.id, attributes);
      return held.mount.provider.ttlMs;
    }
    held.told = {
      ...{ ino, mode, nlink, uid, gid, sizeBytes, mtimeNs, ctimeNs },
      ...{ atMs: performance.now(), isSettled: isSettled(ctimeNs) },
    };
    return WATCHED_TTL_MS;
  }

  /** Returns for how long the guest may use attributes, in milliseconds, if they are what it is known to have; else null. */
  toldTtlMs({ told }: HeldNode, attributes: Attributes): number | null {
    return told !== null && isUnchanged(told, attributes) ? WATCHED_TTL_MS : null;
  }

  #forgotten(held: HeldNode): void {
    const { place } = held;
    if (place !== null && place.directory.names?.get(place.name) === held.id)
      this.dropped(place.directory, place.name);
    this.#names.give(held.names?.size ?? 0);
    held.names = null;
  }

  /** Call when the server ends. */
  close(): void {
    this.#names.close();
  }
}

function isAt({ place }: HeldNode, directory: HeldNode, name: string): boolean {
  return place !== null && place.directory === directory && place.name === name;
}
