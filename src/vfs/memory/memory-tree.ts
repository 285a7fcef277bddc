import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../file-mode.ts';
import type { Caller } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import { attributeBytes, entryBytes, type MemoryBudget, NODE_BYTES } from './memory-budget.ts';
import { SparseData } from './sparse-data.ts';

/** One inode in memory. Exactly one of `content`, `children`, `target` is set for files, directories, links. */
export interface MemoryNode {
  readonly ino: bigint;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  /** The place that it got last. */
  parent: MemoryNode | null;
  name: string;
  readonly content: SparseData | null;
  readonly children: Map<string, MemoryNode> | null;
  readonly target: Buffer | null;
  /** Extended attributes; null before the first. */
  attributes: Map<string, Buffer> | null;
  /** True when the server holds it and will forget it. */
  isGiven: boolean;
  openHandles: number;
}

export interface MemoryHandle {
  readonly node: MemoryNode;
  readonly flags: number;
}

export interface NodeKind {
  readonly rdev?: number;
  readonly target?: Buffer;
}

const MAX_NODES = 1_000_000;
const ROOT_INO = 1n;

function nowNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/** Inodes and names of a memory file system, with its limits. */
export class MemoryTree {
  readonly root: MemoryNode;
  user: Caller = { uid: 0, gid: 0 };
  readonly #budget: MemoryBudget;
  #nodeCount = 0;
  #nextIno = ROOT_INO;
  #isAdopted = false;

  /** @param budget  Takes what the tree holds. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
    this.root = this.#make(S_IFDIR | 0o755, this.user, {});
    this.root.nlink = 2;
  }

  /** Gives files that were written before the VM started to its user. */
  adopt(user: Caller): void {
    if (this.#isAdopted) return;
    this.#isAdopted = true;
    this.user = user;
    const give = (node: MemoryNode) => {
      node.uid = user.uid;
      node.gid = user.gid;
      for (const child of node.children?.values() ?? []) give(child);
    };
    give(this.root);
  }

  usage(): { maxBytes: number; usedBytes: number; nodeCount: number; maxNodes: number } {
    return {
      maxBytes: this.#budget.maxBytes,
      usedBytes: this.#budget.usedBytes,
      nodeCount: this.#nodeCount,
      maxNodes: MAX_NODES,
    };
  }

  /** Number of the next inode. */
  get nextIno(): bigint {
    return this.#nextIno;
  }

  /** Removes everything but the root, for a restore. */
  clear(nextIno: bigint): void {
    for (const [name, child] of [...this.children(this.root)])
      this.#removeAll(this.root, name, child);
    this.#dropAttributes(this.root);
    this.#nextIno = nextIno;
  }

  #removeAll(parent: MemoryNode, name: string, node: MemoryNode): void {
    for (const [below, child] of [...(node.children ?? [])]) this.#removeAll(node, below, child);
    this.detach(parent, name, node);
  }

  /** Makes a saved inode with its former number, to be attached or `detached`. @throws {VfsError} ENOSPC */
  restore(ino: bigint, mode: number, owner: Caller, kind: NodeKind): MemoryNode {
    const nextIno = this.#nextIno;
    this.#charge(kind);
    const node = { ...this.#make(mode, owner, kind), ino };
    this.#nextIno = nextIno;
    if (node.children !== null) node.nlink = 1;
    return node;
  }

  /** Leaves a restored inode without a name, used only by handles. */
  detached(node: MemoryNode): void {
    node.nlink = 0;
  }

  /** Takes the bytes of an inode from the budget. @throws {VfsError} ENOSPC */
  #charge({ target }: NodeKind): void {
    if (this.#nodeCount >= MAX_NODES) throw new VfsError('ENOSPC');
    this.#budget.take(NODE_BYTES + (target?.length ?? 0));
  }

  /** Returns the bytes of a node to the budget once no name, open file or server uses it. */
  dropUnused(node: MemoryNode): void {
    if (node.nlink > 0 || node.isGiven || node.openHandles > 0 || node === this.root) return;
    node.content?.truncate(0);
    this.#dropAttributes(node);
    this.#nodeCount--;
    this.#budget.give(NODE_BYTES + (node.target?.length ?? 0));
  }

  #dropAttributes(node: MemoryNode): void {
    for (const [name, value] of node.attributes ?? [])
      this.#budget.give(attributeBytes(name, value));
    node.attributes = null;
  }

  #make(mode: number, owner: Caller, { rdev = 0, target }: NodeKind): MemoryNode {
    this.#nodeCount++;
    const type = mode & S_IFMT;
    const time = nowNs();
    return {
      ino: this.#nextIno++,
      mode,
      nlink: 0,
      uid: owner.uid,
      gid: owner.gid,
      rdev,
      atimeNs: time,
      mtimeNs: time,
      ctimeNs: time,
      parent: null,
      name: '',
      content: type === S_IFREG ? new SparseData(this.#budget) : null,
      children: type === S_IFDIR ? new Map() : null,
      target: type === S_IFLNK ? (target ?? Buffer.alloc(0)) : null,
      attributes: null,
      isGiven: false,
      openHandles: 0,
    };
  }

  /** @throws {VfsError} EEXIST, ENOTDIR, ENOSPC */
  add(parent: MemoryNode, name: string, mode: number, owner: Caller, kind: NodeKind): MemoryNode {
    this.#assertRoom(parent, name);
    this.#charge(kind);
    const node = this.#make(mode, owner, kind);
    try {
      this.attach(parent, name, node);
    } catch (error) {
      this.dropUnused(node);
      throw error;
    }
    if (node.children !== null) node.nlink = 2;
    return node;
  }

  /** Adds a name to a node. @throws {VfsError} EEXIST, ENOENT in a removed directory. */
  attach(parent: MemoryNode, name: string, node: MemoryNode): void {
    this.#assertRoom(parent, name);
    this.#budget.take(entryBytes(name));
    this.children(parent).set(name, node);
    node.nlink++;
    this.#placed(parent, name, node);
    this.changed(node);
  }

  #assertRoom(parent: MemoryNode, name: string): void {
    if (this.children(parent).has(name)) throw new VfsError('EEXIST');
    if (parent.nlink === 0) throw new VfsError('ENOENT');
  }

  #placed(parent: MemoryNode, name: string, node: MemoryNode): void {
    node.parent = parent;
    node.name = name;
    if (node.children !== null) parent.nlink++;
    this.modified(parent);
  }

  /** Removes one name. The node stays readable while the server or a handle holds it. */
  detach(parent: MemoryNode, name: string, node: MemoryNode): void {
    this.children(parent).delete(name);
    this.#budget.give(entryBytes(name));
    if (node.children !== null) parent.nlink--;
    node.nlink = node.children === null ? node.nlink - 1 : 0;
    this.modified(parent);
    this.changed(node);
    this.dropUnused(node);
  }

  move(parent: MemoryNode, name: string, newParent: MemoryNode, newName: string): void {
    const node = this.children(parent).get(name);
    if (node === undefined) throw new VfsError('ENOENT');
    if (newParent.nlink === 0) throw new VfsError('ENOENT');
    this.#budget.take(entryBytes(newName));
    this.#budget.give(entryBytes(name));
    this.children(parent).delete(name);
    if (node.children !== null) parent.nlink--;
    this.modified(parent);
    this.children(newParent).set(newName, node);
    this.#placed(newParent, newName, node);
    this.changed(node);
  }

  exchange(parent: MemoryNode, name: string, newParent: MemoryNode, newName: string): void {
    const one = this.children(parent).get(name);
    const other = this.children(newParent).get(newName);
    if (one === undefined || other === undefined) throw new VfsError('ENOENT');
    if (one.children !== null) parent.nlink--;
    if (other.children !== null) newParent.nlink--;
    this.children(newParent).set(newName, one);
    this.children(parent).set(name, other);
    this.#placed(newParent, newName, one);
    this.#placed(parent, name, other);
    this.changed(one);
    this.changed(other);
  }

  /** True when `node` is `directory` or lies below it. */
  isWithin(node: MemoryNode, directory: MemoryNode): boolean {
    for (let at: MemoryNode | null = node; at !== null; at = at.parent) {
      if (at === directory) return true;
    }
    return false;
  }

  /** @throws {VfsError} ENOTDIR */
  children(node: MemoryNode): Map<string, MemoryNode> {
    if (node.children === null) throw new VfsError('ENOTDIR');
    return node.children;
  }

  /** @throws {VfsError} EISDIR, EACCES for devices and links. */
  file(node: MemoryNode): SparseData {
    if (node.children !== null) throw new VfsError('EISDIR');
    if (node.content === null) throw new VfsError('EACCES');
    return node.content;
  }

  modified(node: MemoryNode): void {
    node.mtimeNs = nowNs();
    node.ctimeNs = node.mtimeNs;
  }

  changed(node: MemoryNode): void {
    node.ctimeNs = nowNs();
  }
}
