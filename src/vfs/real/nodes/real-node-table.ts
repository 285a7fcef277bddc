import { closeSync, fstatSync, openSync } from 'node:fs';
import { descriptorPath, openAt } from '../../../host/libc.ts';
import { ERRNO } from '../../../protocol/errno.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR } from '../../file-mode.ts';
import { toErrno, VfsError } from '../../vfs-error.ts';
import { Containment } from './containment.ts';
import { DescriptorCache } from './descriptor-cache.ts';
import type { ProtectedTree } from './guard.ts';
import { isSameInode, type NodeIdentity, type RealNode, toIdentity } from './real-node.ts';

/** Errors of openat(2), and ours, for a file that is not there any more. */
const AWAY: ReadonlySet<number> = new Set([ERRNO.ENOENT, ERRNO.ENOTDIR, ERRNO.ESTALE]);

/** O_PATH: the descriptor refers to the inode without opening it, so devices, FIFOs and links are safe to keep. */
const HOLD = O_PATH | O_NOFOLLOW | O_CLOEXEC;

/**
 * The nodes of one mount. Each is found one name at a time from its parent's descriptor, never by a path, so that
 * renames and symbolic links on the way cannot lead out of the mount. Descriptors are a bounded cache: an evicted node
 * is found again by its last name and must still be the same inode.
 */
export class RealNodeTable {
  readonly #nodes = new Map<string, RealNode>();
  readonly #held: DescriptorCache;
  readonly #containment = new Containment();
  #root: RealNode | null = null;
  /** Searches for a node of a saved machine that is not at its name. Returns true once it is found. */
  findLost: ((node: RealNode) => boolean) | null = null;
  #isSearching = false;

  /** @param maxHeld  Returns how many descriptors of each kind may be kept (at least 16 are); called each time. */
  constructor(maxHeld: () => number) {
    this.#held = new DescriptorCache(maxHeld);
  }

  /** Takes over `fd` (O_PATH). Returns the node of its inode, new or known, now at `name` in `parent`. */
  adopt(fd: number, parent: RealNode | null, name: string, guard: ProtectedTree | null): RealNode {
    const identity = toIdentity(fstatSync(fd, { bigint: true }));
    const known = this.#nodes.get(identity.key);
    if (known === undefined || !isSameInode(known.identity, identity)) {
      const node = this.#add(identity, parent, name, guard);
      node.fd = fd;
      this.#held.touch(node);
      return node;
    }
    known.isRestored = false;
    // Keep the descriptor that was opened by the current name: the kernel derives its path from it.
    if (known.fd !== -1) closeSync(known.fd);
    known.fd = fd;
    known.seenAtMs = performance.now();
    known.isUnlinked = false;
    if (known.parent !== null) this.moved(known, parent, name, guard);
    this.#held.touch(known);
    return known;
  }

  #add(
    identity: NodeIdentity,
    parent: RealNode | null,
    name: string,
    guard: ProtectedTree | null,
  ): RealNode {
    const node: RealNode = {
      identity,
      isRestored: false,
      parent,
      name,
      guard,
      fd: -1,
      seenAtMs: performance.now(),
      stat: null,
      isUnlinked: false,
      isGiven: false,
      handles: null,
    };
    if (parent === null) this.#root = node;
    this.#nodes.set(identity.key, node);
    return node;
  }

  /** Adds a saved node, which is searched for when it is used. */
  restore(identity: NodeIdentity, parent: RealNode, name: string): RealNode {
    const guard = parent.guard?.children.get(name) ?? null;
    const node = this.#add(identity, parent, name, guard);
    node.isRestored = true;
    return node;
  }

  /** Returns the node of an inode, or null. */
  find(identity: NodeIdentity): RealNode | null {
    const known = this.#nodes.get(identity.key);
    return known !== undefined && isSameInode(known.identity, identity) ? known : null;
  }

  /** Records a node's new place. */
  moved(node: RealNode, parent: RealNode | null, name: string, guard: ProtectedTree | null): void {
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
   * Returns a node's O_PATH descriptor, valid until the next call of this table.
   * @throws {VfsError} ESTALE when it was evicted and its name is now another file's, or when the host moved it out of
   * the mount.
   */
  fd(node: RealNode): number {
    if (node.fd === -1) {
      node.fd = this.#find(node);
      node.seenAtMs = performance.now();
    } else if (this.#root !== null && !this.#containment.isInside(node, this.#root.fd)) {
      this.#findAgain(node);
    }
    this.#held.touch(node);
    return node.fd;
  }

  /** Opens a node by its last name: the name of its descriptor may be gone while the file has another one. */
  #findAgain(node: RealNode): void {
    try {
      const fd = this.#openAtName(node);
      if (node.fd !== -1 && node.fd !== fd) closeSync(node.fd);
      node.fd = fd;
      node.seenAtMs = performance.now();
    } catch (error) {
      throw AWAY.has(toErrno(error)) ? new VfsError('ESTALE') : error;
    }
  }

  /** Makes the root another inode and takes over its `fd` (O_PATH). */
  replace(root: RealNode, identity: NodeIdentity, fd: number): void {
    this.#nodes.delete(root.identity.key);
    closeSync(root.fd);
    root.fd = fd;
    root.identity = identity;
    root.stat = null;
    this.#nodes.set(identity.key, root);
  }

  /** Finds a node of a saved machine, wherever in the mount it is now. @throws {VfsError} ESTALE, SystemError */
  locate(node: RealNode): void {
    try {
      this.fd(node);
    } catch (error) {
      if (!this.#search(node)) throw error;
    }
  }

  #search(node: RealNode): boolean {
    if (!node.isRestored || this.findLost === null || this.#isSearching) return false;
    this.#isSearching = true;
    try {
      return this.findLost(node);
    } finally {
      this.#isSearching = false;
    }
  }

  /** Opens an evicted node. Searches for a moved directory of a saved machine, which may be a process' working directory. */
  #find(node: RealNode): number {
    try {
      return this.#findAtName(node);
    } catch (error) {
      if (!AWAY.has(toErrno(error))) throw error;
      if (node.identity.type !== S_IFDIR || !this.#search(node)) throw new VfsError('ESTALE');
      return this.#findAtName(node);
    }
  }

  #findAtName(node: RealNode): number {
    if (node.fd !== -1) return node.fd;
    const [handle] = node.handles ?? [];
    if (handle !== undefined) return openSync(descriptorPath(handle), O_PATH | O_CLOEXEC);
    return this.#openAtName(node);
  }

  #openAtName(node: RealNode): number {
    if (node.parent === null) throw new VfsError('ESTALE');
    const before = node.fd;
    const directory = this.fd(node.parent);
    // The search for the directory may have found this node at another name.
    if (node.fd !== -1 && node.fd !== before) return node.fd;
    const fd = openAt(directory, node.name, HOLD);
    if (isSameInode(node.identity, toIdentity(fstatSync(fd, { bigint: true })))) {
      node.isRestored = false;
      return fd;
    }
    closeSync(fd);
    throw new VfsError('ESTALE');
  }

  /** Closes descriptors above the limit after it shrank. */
  trim(): void {
    this.#held.trim();
  }

  /** Marks a node whose last name is gone. */
  unlinked(node: RealNode): void {
    node.isUnlinked = true;
    if (node.fd !== -1) this.#held.touch(node);
  }

  /** Drops a node that was looked up for one operation only. */
  dropUnlessGiven(node: RealNode | null): void {
    if (node !== null && !node.isGiven) this.forget(node);
  }

  forget(node: RealNode): void {
    this.#held.close(node);
    const { key } = node.identity;
    if (this.#nodes.get(key) === node) this.#nodes.delete(key);
  }

  /** Closes every descriptor. */
  clear(): void {
    for (const node of this.#nodes.values()) this.#held.close(node);
    this.#held.closeAll();
    this.#nodes.clear();
    this.#root = null;
  }
}
