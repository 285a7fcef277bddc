import { closeSync, fstatSync, openSync } from 'node:fs';
import { descriptorPath, openAt } from '../../host/libc.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../file-mode.ts';
import { VfsError } from '../vfs-error.ts';
import type { Guard } from './guard.ts';
import type { VirtualStat } from './virtual-stat.ts';

/** One host inode that the guest knows. `parent` and `name` are where it was seen last. */
export interface RealNode {
  /** `dev:ino`. */
  readonly key: string;
  readonly dev: bigint;
  readonly ino: bigint;
  parent: RealNode | null;
  name: string;
  /** O_PATH descriptor, or -1 while evicted. */
  fd: number;
  stat: VirtualStat | null;
  guard: Guard | null;
  /** Its last name is gone: it cannot be found by name any more, so its descriptor is never evicted. */
  isUnlinked: boolean;
  /** The server knows it and will forget it; others are dropped by whoever looked them up. */
  isGiven: boolean;
  /** Descriptors of its open handles. */
  readonly handles: Set<number>;
}

/** O_PATH: the descriptor names the inode without opening it, so that devices, FIFOs and links are safe to hold. */
const HOLD = O_PATH | O_NOFOLLOW | O_CLOEXEC;

/**
 * The nodes of one mount. Each is found one name at a time from its parent's descriptor, never by a path, so that
 * renames and symbolic links on the way cannot lead out of the mount. Descriptors are a bounded cache: an evicted one
 * is found again by its last names and must still be the same inode.
 */
export class RealNodeTable {
  readonly #nodes = new Map<string, RealNode>();
  /** Nodes with a descriptor, the least recently used first. */
  readonly #held = new Set<RealNode>();
  readonly #maxHeld: number;

  /** @param maxHeld Descriptors to keep, at least 16. */
  constructor(maxHeld: number) {
    this.#maxHeld = Math.max(16, maxHeld);
  }

  /** Takes over `fd` (O_PATH). Gives the node of its inode, new or known, now seen at `name` in `parent`. */
  adopt(fd: number, parent: RealNode | null, name: string, guard: Guard | null): RealNode {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    const key = `${dev}:${ino}`;
    const known = this.#nodes.get(key);
    if (known === undefined) {
      const node: RealNode = {
        ...{ key, dev, ino, parent, name, fd, guard },
        ...{ stat: null, isUnlinked: false, isGiven: false, handles: new Set<number>() },
      };
      this.#nodes.set(key, node);
      this.#hold(node);
      return node;
    }
    if (known.fd === -1) known.fd = fd;
    else closeSync(fd);
    known.isUnlinked = false;
    if (known.parent !== null) this.moved(known, parent, name, guard);
    this.#hold(known);
    return known;
  }

  /** Records the name a node has now. The root keeps its place. */
  moved(node: RealNode, parent: RealNode | null, name: string, guard: Guard | null): void {
    node.parent = parent;
    node.name = name;
    node.guard = guard;
  }

  /**
   * Looks up one name.
   * @throws {SystemError} ENOENT and others of openat(2).
   */
  lookup(parent: RealNode, name: string): RealNode {
    const fd = openAt(this.fd(parent), name, HOLD);
    return this.adopt(fd, parent, name, parent.guard?.children.get(name) ?? null);
  }

  /**
   * Its O_PATH descriptor; valid until the next call of this table.
   * @throws {VfsError} ESTALE when it was evicted and its name is now another file's.
   */
  fd(node: RealNode): number {
    if (node.fd === -1) node.fd = this.#find(node);
    this.#hold(node);
    return node.fd;
  }

  #find(node: RealNode): number {
    const [handle] = node.handles;
    if (handle !== undefined) return openSync(descriptorPath(handle), O_PATH | O_CLOEXEC);
    if (node.parent === null) throw new VfsError('ESTALE');
    const fd = openAt(this.fd(node.parent), node.name, HOLD);
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (dev === node.dev && ino === node.ino) return fd;
    closeSync(fd);
    throw new VfsError('ESTALE');
  }

  #hold(node: RealNode): void {
    this.#held.delete(node);
    this.#held.add(node);
    if (this.#held.size <= this.#maxHeld) return;
    for (const oldest of this.#held) {
      if (this.#held.size <= this.#maxHeld) return;
      const isNeeded = oldest === node || oldest.isUnlinked || oldest.parent === null;
      if (!isNeeded) this.#evict(oldest);
      else if (oldest === node) return;
    }
  }

  #evict(node: RealNode): void {
    this.#held.delete(node);
    if (node.fd !== -1) closeSync(node.fd);
    node.fd = -1;
  }

  /** Lets a node go that was only looked at for one operation. */
  dropUnlessGiven(node: RealNode | null): void {
    if (node !== null && !node.isGiven) this.forget(node);
  }

  forget(node: RealNode): void {
    this.#evict(node);
    if (this.#nodes.get(node.key) === node) this.#nodes.delete(node.key);
  }

  /** Closes every descriptor. */
  clear(): void {
    for (const node of this.#held) this.#evict(node);
    this.#nodes.clear();
  }
}
