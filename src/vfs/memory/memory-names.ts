import { RENAME_EXCHANGE, RENAME_NOREPLACE, S_IFDIR, S_IFMT, S_ISGID } from '../file-mode.ts';
import type { Caller, DirectoryEntry } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { MemoryNode, MemoryTree, NodeKind } from './memory-tree.ts';

/** NAME_MAX and PATH_MAX (with its NUL) of linux/limits.h. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;

/** Names in a memory file system, by the rules of Linux. */
export class MemoryNames {
  readonly #tree: MemoryTree;

  constructor(tree: MemoryTree) {
    this.#tree = tree;
  }

  /** @throws {VfsError} ENOENT, ENOTDIR */
  lookup(parent: MemoryNode, name: string): MemoryNode {
    const node = this.find(parent, name);
    if (node === null) throw new VfsError('ENOENT');
    return node;
  }

  /** Returns null when the name does not exist. @throws {VfsError} ENOTDIR, ENAMETOOLONG */
  find(parent: MemoryNode, name: string): MemoryNode | null {
    assertName(name);
    return this.#tree.children(parent).get(name) ?? null;
  }

  list(directory: MemoryNode): DirectoryEntry[] {
    const entries = [...this.#tree.children(directory)];
    const listed = entries.map(([name, { mode, ino }]) => ({ name, type: mode & S_IFMT, ino }));
    const above = directory.parent ?? directory;
    return [{ name: '..', type: S_IFDIR, ino: above.ino }, ...listed];
  }

  /** Makes a node owned by the caller; its group comes from a set-group-id directory, as on Linux. */
  add(
    parent: MemoryNode,
    name: string,
    mode: number,
    caller: Caller,
    kind: NodeKind = {},
  ): MemoryNode {
    assertName(name);
    assertTarget(kind.target);
    const isInherited = (parent.mode & S_ISGID) !== 0;
    const owner = { ...caller, ...(isInherited ? { gid: parent.gid } : {}) };
    const isDirectory = (mode & S_IFMT) === S_IFDIR;
    const full = isInherited && isDirectory ? mode | S_ISGID : mode;
    return this.#tree.add(parent, name, full, owner, kind);
  }

  link(node: MemoryNode, parent: MemoryNode, name: string): void {
    if (this.find(parent, name) !== null) throw new VfsError('EEXIST');
    if (node.children !== null) throw new VfsError('EPERM');
    // Linux refuses to link a file without a name.
    if (node.nlink === 0) throw new VfsError('ENOENT');
    this.#tree.attach(parent, name, node);
  }

  unlink(parent: MemoryNode, name: string): void {
    const node = this.lookup(parent, name);
    if (node.children !== null) throw new VfsError('EISDIR');
    this.#tree.detach(parent, name, node);
  }

  removeDirectory(parent: MemoryNode, name: string): void {
    const node = this.lookup(parent, name);
    if (this.#tree.children(node).size > 0) throw new VfsError('ENOTEMPTY');
    this.#tree.detach(parent, name, node);
  }

  /** @param flags  Flags of renameat2(2). */
  rename(
    parent: MemoryNode,
    name: string,
    newParent: MemoryNode,
    newName: string,
    flags: number,
  ): void {
    const node = this.lookup(parent, name);
    const old = this.find(newParent, newName);
    const isExchange = (flags & RENAME_EXCHANGE) !== 0;
    if (old !== null && (flags & RENAME_NOREPLACE) !== 0) throw new VfsError('EEXIST');
    if (old === null && isExchange) throw new VfsError('ENOENT');
    if (this.#tree.isWithin(newParent, node)) throw new VfsError('EINVAL');
    if (old !== null && this.#tree.isWithin(parent, old)) {
      throw new VfsError(isExchange ? 'EINVAL' : 'ENOTEMPTY');
    }
    if (isExchange) {
      this.#tree.exchange(parent, name, newParent, newName);
      return;
    }
    if (old === node) return;
    if (old !== null) this.#replace(newParent, newName, old, node);
    this.#tree.move(parent, name, newParent, newName);
  }

  #replace(parent: MemoryNode, name: string, old: MemoryNode, node: MemoryNode): void {
    if (old.children !== null && node.children === null) throw new VfsError('EISDIR');
    if (old.children === null && node.children !== null) throw new VfsError('ENOTDIR');
    if (old.children !== null) this.removeDirectory(parent, name);
    else this.unlink(parent, name);
  }
}

function assertName(name: string): void {
  if (name.length > MAX_NAME_BYTES) throw new VfsError('ENAMETOOLONG');
}

function assertTarget(target: Buffer | undefined): void {
  if (target === undefined) return;
  if (target.length === 0) throw new VfsError('ENOENT');
  if (target.length >= MAX_PATH_BYTES) throw new VfsError('ENAMETOOLONG');
}
