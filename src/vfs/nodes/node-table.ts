import { ROOT_NODE_ID } from '../../protocol/fuse-abi.ts';
import { Budget } from '../bounds/budget.ts';
import { HELD_NODES } from '../bounds/limits.ts';
import type { Attributes, VfsNode, VfsProvider } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { InodeNumbers } from './inode-numbers.ts';

/** A provider with its place under the FUSE root. */
export interface Mount {
  readonly name: string;
  readonly provider: VfsProvider;
  readonly root: VfsNode;
  /** Place among the mounts, from 0. */
  readonly index: number;
  /** Those of all mounts. */
  readonly numbers: InodeNumbers;
}

/** A node the guest's kernel holds. */
export interface HeldNode {
  readonly id: number;
  readonly mount: Mount;
  readonly node: VfsNode;
  /** Lookups not yet forgotten. */
  lookups: number;
  /** The file's change time at its last open; null before, and when a later change might leave the same time. */
  openedCtimeNs: bigint | null;
}

/** Node ids given to the guest's kernel. An id is never given twice. */
export class NodeTable {
  /** A guest kernel with little memory forgets long before; a hostile one must not fill the host's. */
  readonly #budget: Budget;
  readonly #byId = new Map<number, HeldNode>();
  readonly #byNode = new Map<VfsNode, HeldNode>();
  #nextId = ROOT_NODE_ID + 1;

  constructor(budget: Budget = new Budget(HELD_NODES)) {
    this.#budget = budget;
  }

  /**
   * Counts one more lookup of the node.
   * @throws {VfsError} ENFILE when the guest holds too many: the provider may drop the node then.
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
    const held: HeldNode = { id: this.#nextId++, mount, node, lookups: 1, openedCtimeNs: null };
    this.#byId.set(held.id, held);
    this.#byNode.set(node, held);
    return held;
  }

  /** @throws {VfsError} ESTALE for an id that was never given or is forgotten. */
  get(id: number): HeldNode {
    const held = this.#byId.get(id);
    if (held === undefined) throw new VfsError('ESTALE');
    return held;
  }

  /** Untrusted `count`: more than was looked up counts as all. */
  forget(id: number, count: bigint): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    held.lookups = count >= BigInt(held.lookups) ? 0 : held.lookups - Number(count);
    this.#dropUnused(held);
  }

  /** All that the guest holds, in no order. */
  all(): IterableIterator<HeldNode> {
    return this.#byId.values();
  }

  /** The id that is given next. */
  get nextId(): number {
    return this.#nextId;
  }

  /**
   * Goes on where another table was saved: gone nodes are left out and answer ESTALE.
   * @returns false when they are more than the process may hold now: none is taken.
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

  /** For the end of the server. May be called twice. */
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
    forgetInProvider(held.mount, held.node);
  }
}

/** The root is the mount's as long as it is served. */
function forgetInProvider({ root, provider }: Mount, node: VfsNode): void {
  if (node !== root) provider.forget(node);
}

/** The provider's attributes with an inode number that is unique over all mounts. */
export function withUniqueIno(mount: Mount, attributes: Attributes): Attributes {
  return { ...attributes, ino: mount.numbers.toGuestIno(mount.index, attributes) };
}
