import { ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import { Budget } from '../bounds/budget.ts';
import { HELD_NODES } from '../bounds/limits.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../file-mode.ts';
import type { Attributes, VfsNode, VfsProvider } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { InodeNumbers } from './inode-numbers.ts';

/** A provider and its name under the FUSE root. */
export interface Mount {
  readonly name: string;
  /** Where the guest has it: an absolute path. */
  readonly path: string;
  readonly provider: VfsProvider;
  readonly root: VfsNode;
  /** Index among the mounts, from 0. */
  readonly index: number;
  /** Inode numbers of all mounts. */
  readonly numbers: InodeNumbers;
}

/** A node that the guest's kernel holds. */
export interface HeldNode {
  readonly id: number;
  readonly mount: Mount;
  readonly node: VfsNode;
  /** Lookups not yet forgotten. */
  lookups: number;
  /** Change time at the file's last open; null before that, and when a later change could have the same time. */
  openedCtimeNs: bigint | null;
  /** Attributes that the guest uses until it is notified; null when it asks anyway. */
  told: ToldAttributes | null;
  /** The name under which the guest found it last; null when that name is not its own any more. */
  place: HeldPlace | null;
  /** Names of a directory that the guest uses until it is notified, with their node ids, 0 for a name that does not exist. */
  names: Map<string, number> | null;
  /** Time of the guest's own last change, by the host's clock: a later change time is a change of somebody else. */
  ownChangeNs: bigint;
  /** Changes of the guest that are being made. */
  ownChanges: number;
  /** Notifications by which the guest dropped the listing of this directory so far. */
  listingDrops: number;
  /** Requests that follow the guest's WRITEs; null before the first. */
  readBack: ReadBack | null;
  /** Number of changes of names in this directory that still bring its attributes. */
  toldChanges: number;
  /** A name in this directory was changed since the guest asked for its attributes. */
  isNameChanged: boolean;
  /** Inode number and file type bits in the attributes that the guest received; 0 before. */
  ino: bigint;
  type: number;
}

/** Requests that follow a guest's WRITEs to a file, as far as they have been seen. */
export interface ReadBack {
  /** The guest made it while it is known. */
  readonly isNew: boolean;
  /** The last request for the file's contents was a WRITE. */
  isWritten: boolean;
  /** Its data waits in the agent: the next WRITE says what the agent used it for. */
  waits: boolean;
  /** After a WRITE it asked for attributes: they come with the next one. */
  wantsAttributes: boolean;
  /** The handle by which it read after a WRITE: the contents come with the next one. */
  reader: bigint | null;
  /** Parts of the message that came with the last WRITE, as bits of `fuse/written-files.ts`. */
  sent: number;
  /** WRITEs in a row with which came what the guest did not use. */
  unused: number;
}

export interface HeldPlace {
  readonly directory: HeldNode;
  /** latin1. */
  readonly name: string;
}

/** Part of the attributes that the guest received: identifies the state of a file. */
export interface ToldAttributes {
  readonly ino: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** Time at which they were sent, in ms of `performance.now()`. */
  readonly atMs: number;
  /** False when a later change could have given the file the same change time. */
  readonly isSettled: boolean;
}

/** Notes a change of the guest's that has just been made. */
export function noteOwnChange(held: HeldNode): void {
  held.ownChangeNs = BigInt(Date.now() + 1) * 1_000_000n;
}

/** True when the guest made the change of this time, or is making one. */
export function isOwnChange({ ownChanges, ownChangeNs }: HeldNode, ctimeNs: bigint): boolean {
  return ownChanges > 0 || ctimeNs <= ownChangeNs;
}

/** Whether the guest keeps data besides the attributes of such a node until a notification drops it: a link's target, a listing. */
export function keepsData(mode: number): boolean {
  const type = mode & S_IFMT;
  return type === S_IFLNK || type === S_IFDIR;
}

/** Returns a node that the guest has not asked anything of. */
export function newHeldNode(id: number, mount: Mount, node: VfsNode, lookups: number): HeldNode {
  return {
    ...{ id, mount, node, lookups, openedCtimeNs: null, told: null, place: null, names: null },
    ...{ ownChangeNs: 0n, ownChanges: 0, listingDrops: 0, readBack: null, ino: 0n, type: 0 },
    ...{ toldChanges: 0, isNameChanged: false },
  };
}

/** Nodes that the guest's kernel holds, by id. An id is never reused. */
export class NodeTable {
  /** A guest kernel with little memory forgets nodes long before; a hostile one must not fill the host's memory. */
  readonly #budget: Budget;
  readonly #byId = new Map<number, HeldNode>();
  readonly #byNode = new Map<VfsNode, HeldNode>();
  /** Called with each node that the guest has forgotten, before the provider forgets it. */
  onForgotten: (held: HeldNode) => void = () => undefined;
  #nextId = ROOT_NODE_ID + 1;

  constructor(budget: Budget = new Budget(HELD_NODES)) {
    this.#budget = budget;
  }

  /**
   * Counts one more lookup of the node.
   * @throws {VfsError} ENFILE when the guest holds too many nodes; the provider forgets this one.
   */
  addLookup(mount: Mount, node: VfsNode): HeldNode {
    const known = this.#byNode.get(node);
    if (known !== undefined) {
      known.lookups++;
      return known;
    }
    if (!this.#budget.tryTake(1)) {
      forgetInProvider(mount, node);
      throw new VfsError('ENFILE');
    }
    const held = newHeldNode(this.#nextId++, mount, node, 1);
    this.#byId.set(held.id, held);
    this.#byNode.set(node, held);
    return held;
  }

  /** Returns the node of an id. @throws {VfsError} ESTALE for an unknown or forgotten id. */
  get(id: number): HeldNode {
    const held = this.#byId.get(id);
    if (held === undefined) throw new VfsError('ESTALE');
    return held;
  }

  /** Returns the node of an id, or null for an unknown or forgotten one. */
  find(id: number): HeldNode | null {
    return this.#byId.get(id) ?? null;
  }

  /** Returns what the guest holds of a provider's node, or null. */
  heldOf(node: VfsNode): HeldNode | null {
    return this.#byNode.get(node) ?? null;
  }

  /** Uncounts lookups. @param count Untrusted: capped at the lookups counted so far. */
  forget(id: number, count: bigint): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    held.lookups = count >= BigInt(held.lookups) ? 0 : held.lookups - Number(count);
    this.#dropUnused(held);
  }

  /** All nodes that the guest holds, in no order. */
  all(): IterableIterator<HeldNode> {
    return this.#byId.values();
  }

  /** The id that the next node gets. */
  get nextId(): number {
    return this.#nextId;
  }

  /**
   * Takes over the nodes of a saved table. Nodes that no longer exist are left out and fail with ESTALE.
   * @returns false, taking none, when they are more than the process may hold now.
   */
  restore(nextId: number, nodes: readonly HeldNode[]): boolean {
    this.#nextId = nextId;
    if (!this.#budget.tryTake(nodes.length)) return false;
    for (const held of nodes) {
      this.#byId.set(held.id, held);
      this.#byNode.set(held.node, held);
    }
    return true;
  }

  /** Drops all nodes when the server ends. May be called twice. */
  close(): void {
    this.#byId.clear();
    this.#byNode.clear();
    this.#budget.close();
  }

  #dropUnused(held: HeldNode): void {
    if (held.lookups > 0 || this.#byId.get(held.id) !== held) return;
    this.#byId.delete(held.id);
    this.#byNode.delete(held.node);
    this.#budget.give(1);
    this.onForgotten(held);
    forgetInProvider(held.mount, held.node);
  }
}

/** Lets the provider drop a node, except the root, which stays while the mount is served. */
function forgetInProvider({ root, provider }: Mount, node: VfsNode): void {
  if (node !== root) provider.forget(node);
}

/** Returns a provider's attributes with an inode number that is unique across all mounts. */
export function withUniqueIno(mount: Mount, attributes: Attributes): Attributes {
  return { ...attributes, ino: mount.numbers.toGuestIno(mount.index, attributes) };
}
