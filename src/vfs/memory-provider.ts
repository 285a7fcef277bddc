import {
  O_APPEND,
  O_EXCL,
  O_TRUNC,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
} from './file-mode.ts';
import { MemoryCarry } from './memory/memory-carry.ts';
import {
  type MemoryHandle,
  type MemoryNode,
  MemoryTree,
  type NodeKind,
} from './memory/memory-tree.ts';
import type {
  AttributeChange,
  Attributes,
  Caller,
  DirectoryEntry,
  FileSystemStatus,
  NewNode,
  ProviderCarry,
  VfsProvider,
} from './provider.ts';
import { VfsError } from './vfs-error.ts';

export interface MemoryOptions {
  /** Limit of all file contents, in bytes; beyond it the guest gets ENOSPC. @default 268435456 (256 MiB) */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 256 * 2 ** 20;
/** Only the guest and this object change these files, and data is checked by size and time at each open. */
const OWN_TREE_TTL_MS = 1_000;
const BLOCK_BYTES = 4096;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
const FALLOC_ZERO_RANGE = 16;
const SEEK_DATA = 3;

/** A file system in this process' memory. Files can be put in and read from outside too, by path. */
export class MemoryProvider implements VfsProvider {
  readonly isReadonly: boolean = false;
  readonly ttlMs: number = OWN_TREE_TTL_MS;
  readonly carry: ProviderCarry;
  readonly #tree: MemoryTree;

  constructor({ maxBytes = DEFAULT_MAX_BYTES }: MemoryOptions = {}) {
    this.#tree = new MemoryTree(maxBytes);
    this.carry = new MemoryCarry(this.#tree);
  }

  /** Writes a whole file (mode 0644), and the directories above it. @param path below the mount, e.g. `src/a.js`. */
  writeFile(path: string, data: string | Uint8Array): void {
    const names = splitPath(path);
    const name = names.pop() ?? '';
    const parent = this.#makePath(names);
    const node = this.#tree.children(parent).get(name) ?? this.#add(parent, name, S_IFREG | 0o644);
    const content = this.#tree.file(node);
    content.truncate(0);
    content.write(Buffer.from(data), 0);
    this.#tree.modified(node);
  }

  /** @throws {VfsError} ENOENT, EISDIR */
  readFile(path: string): Buffer {
    const content = this.#tree.file(this.#resolve(path));
    const target = Buffer.alloc(content.sizeBytes);
    content.read(target, 0);
    return target;
  }

  /** Makes a directory and those above it; an existing one stays. */
  mkdir(path: string): void {
    this.#makePath(splitPath(path));
  }

  /** Names in a directory, sorted. @throws {VfsError} ENOENT, ENOTDIR */
  readdir(path = ''): string[] {
    const names = [...this.#tree.children(this.#resolve(path)).keys()];
    return names.map((name) => Buffer.from(name, 'latin1').toString('utf8')).sort();
  }

  #resolve(path: string): MemoryNode {
    return splitPath(path).reduce((node, name) => this.lookup(node, name), this.#tree.root);
  }

  #makePath(names: readonly string[]): MemoryNode {
    return names.reduce(
      (node, name) => this.#tree.children(node).get(name) ?? this.#add(node, name, S_IFDIR | 0o755),
      this.#tree.root,
    );
  }

  #add(
    parent: MemoryNode,
    name: string,
    mode: number,
    caller?: Caller,
    kind: NodeKind = {},
  ): MemoryNode {
    const isInherited = (parent.mode & S_ISGID) !== 0;
    const owner = { ...(caller ?? this.#tree.user), ...(isInherited ? { gid: parent.gid } : {}) };
    const isDirectory = (mode & S_IFMT) === S_IFDIR;
    return this.#tree.add(
      parent,
      name,
      isInherited && isDirectory ? mode | S_ISGID : mode,
      owner,
      kind,
    );
  }

  start(user: Caller): MemoryNode {
    this.#tree.adopt(user);
    return this.#tree.root;
  }

  stop(): void {}

  /** The last use of a file without a name gives its memory back. */
  forget(node: MemoryNode): void {
    if (node.nlink === 0) node.content?.truncate(0);
  }

  lookup(parent: MemoryNode, name: string): MemoryNode {
    const node = this.#tree.children(parent).get(name);
    if (node === undefined) throw new VfsError('ENOENT');
    return node;
  }

  attributes(node: MemoryNode): Attributes {
    const { ino, mode, uid, gid, rdev, atimeNs, mtimeNs, ctimeNs } = node;
    const sizeBytes = node.content?.sizeBytes ?? node.target?.length ?? BLOCK_BYTES;
    const blocks = Math.ceil((node.content?.allocatedBytes ?? 0) / 512);
    return {
      ino,
      mode,
      nlink: node.nlink,
      uid,
      gid,
      rdev,
      sizeBytes,
      blocks,
      atimeNs,
      mtimeNs,
      ctimeNs,
    };
  }

  setAttributes(node: MemoryNode, change: AttributeChange): void {
    if (change.sizeBytes !== undefined) {
      this.#tree.file(node).truncate(change.sizeBytes);
      this.#tree.modified(node);
    }
    if (change.mode !== undefined) node.mode = (node.mode & S_IFMT) | change.mode;
    node.uid = change.uid ?? node.uid;
    node.gid = change.gid ?? node.gid;
    node.atimeNs = change.atimeNs ?? node.atimeNs;
    node.mtimeNs = change.mtimeNs ?? node.mtimeNs;
    this.#tree.changed(node);
  }

  readLink(node: MemoryNode): Buffer {
    if (node.target === null) throw new VfsError('EINVAL');
    return node.target;
  }

  entries(node: MemoryNode): DirectoryEntry[] {
    const entries = [...this.#tree.children(node)];
    return entries.map(([name, child]) => ({ name, type: child.mode & S_IFMT }));
  }

  status(): FileSystemStatus {
    const { maxBytes, usedBytes, nodeCount, maxNodes } = this.#tree.usage();
    const free = Math.floor((maxBytes - usedBytes) / BLOCK_BYTES);
    return {
      blockSizeBytes: BLOCK_BYTES,
      blocks: Math.floor(maxBytes / BLOCK_BYTES),
      ...{
        freeBlocks: free,
        availableBlocks: free,
        files: maxNodes,
        freeFiles: maxNodes - nodeCount,
      },
    };
  }

  create(
    parent: MemoryNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): { node: MemoryNode; handle: MemoryHandle } {
    const existing = this.#tree.children(parent).get(name);
    if (existing !== undefined && (file.flags & O_EXCL) !== 0) throw new VfsError('EEXIST');
    const node = existing ?? this.#add(parent, name, S_IFREG | file.mode, caller);
    return { node, handle: this.open(node, file.flags) };
  }

  makeNode(parent: MemoryNode, name: string, { mode, rdev }: NewNode, caller: Caller): MemoryNode {
    return this.#add(parent, name, mode, caller, { rdev });
  }

  makeDirectory(parent: MemoryNode, name: string, mode: number, caller: Caller): MemoryNode {
    return this.#add(parent, name, S_IFDIR | mode, caller);
  }

  makeSymlink(parent: MemoryNode, name: string, target: Buffer, caller: Caller): MemoryNode {
    return this.#add(parent, name, S_IFLNK | 0o777, caller, { target: Buffer.from(target) });
  }

  link(node: MemoryNode, parent: MemoryNode, name: string): void {
    if (node.children !== null) throw new VfsError('EPERM');
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

  rename(
    parent: MemoryNode,
    name: string,
    newParent: MemoryNode,
    newName: string,
    flags: number,
  ): void {
    const node = this.lookup(parent, name);
    const old = this.#tree.children(newParent).get(newName);
    if (old !== undefined && (flags & RENAME_NOREPLACE) !== 0) throw new VfsError('EEXIST');
    if (this.#tree.isWithin(newParent, node)) throw new VfsError('EINVAL');
    if ((flags & RENAME_EXCHANGE) !== 0) {
      if (old === undefined) throw new VfsError('ENOENT');
      if (this.#tree.isWithin(parent, old)) throw new VfsError('EINVAL');
      this.#tree.exchange(parent, name, newParent, newName);
      return;
    }
    if (old === node) return;
    if (old !== undefined) this.#replace(newParent, newName, old, node);
    this.#tree.move(parent, name, newParent, newName);
  }

  #replace(parent: MemoryNode, name: string, old: MemoryNode, node: MemoryNode): void {
    if (old.children !== null && node.children === null) throw new VfsError('EISDIR');
    if (old.children === null && node.children !== null) throw new VfsError('ENOTDIR');
    if (old.children !== null) this.removeDirectory(parent, name);
    else this.unlink(parent, name);
  }

  open(node: MemoryNode, flags: number): MemoryHandle {
    const content = this.#tree.file(node);
    if ((flags & O_TRUNC) !== 0) {
      content.truncate(0);
      this.#tree.modified(node);
    }
    return { node, flags };
  }

  read({ node }: MemoryHandle, target: Buffer, offset: number): number {
    return this.#tree.file(node).read(target, offset);
  }

  write({ node, flags }: MemoryHandle, data: Buffer, offset: number): void {
    const content = this.#tree.file(node);
    content.write(data, (flags & O_APPEND) !== 0 ? content.sizeBytes : offset);
    this.#tree.modified(node);
  }

  release(): void {}

  sync(): void {}

  allocate({ node }: MemoryHandle, mode: number, offset: number, length: number): void {
    const content = this.#tree.file(node);
    if ((mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) !== 0) {
      throw new VfsError('EOPNOTSUPP');
    }
    if ((mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) !== 0) content.punch(offset, length);
    if ((mode & FALLOC_KEEP_SIZE) === 0) {
      content.truncate(Math.max(content.sizeBytes, offset + length));
    }
    this.#tree.modified(node);
  }

  seek({ node }: MemoryHandle, offset: number, whence: number): number {
    const content = this.#tree.file(node);
    if (offset >= content.sizeBytes) throw new VfsError('ENXIO');
    const found = content.find(offset, whence === SEEK_DATA ? 'data' : 'hole');
    if (found === null) throw new VfsError('ENXIO');
    return found;
  }
}

/** Names of a path inside the mount, as the provider keeps them. @throws {VfsError} EINVAL for `..` */
function splitPath(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw new VfsError('EINVAL');
  return names.map((name) => Buffer.from(name, 'utf8').toString('latin1'));
}
