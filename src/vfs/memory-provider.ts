import { O_APPEND, O_EXCL, O_TRUNC, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './file-mode.ts';
import { MemoryAttributes } from './memory/memory-attributes.ts';
import { MemoryBudget } from './memory/memory-budget.ts';
import { MemoryNames } from './memory/memory-names.ts';
import { MemoryPaths } from './memory/memory-paths.ts';
import { MemorySnapshot } from './memory/memory-snapshot.ts';
import { type MemoryHandle, type MemoryNode, MemoryTree } from './memory/memory-tree.ts';
import type {
  AttributeChange,
  Attributes,
  Caller,
  DirectoryEntry,
  ExtendedAttributes,
  FileSystemStatus,
  NewNode,
  NodePlace,
  ProviderSnapshot,
  VfsProvider,
} from './provider.ts';
import { VfsError } from './vfs-error.ts';

/**
 * Options of {@link MemoryProvider}.
 *
 * @example
 * const options: MemoryOptions = { maxBytes: 16 * 2 ** 20 };
 * const files = new MemoryProvider(options);
 */
export interface MemoryOptions {
  /**
   * Most bytes it holds: contents in steps of 64 KiB, names, link targets, extended attributes, and 1 KiB for each file or
   * directory. Above it the guest gets ENOSPC. @default 268435456 (256 MiB)
   */
  readonly maxBytes?: number;
  /**
   * Whether files have extended attributes. The guest then asks more often, of every mount of its VM: docs/files.md.
   * @default false
   */
  readonly extendedAttributes?: boolean;
}

const DEFAULT_MAX_BYTES = 256 * 2 ** 20;
/** Only the guest and this object change these files, and each open checks cached data by size and time. */
const OWN_TREE_TTL_MS = 1_000;
const BLOCK_BYTES = 4096;
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
const FALLOC_ZERO_RANGE = 16;
const SEEK_DATA = 3;

/** Marks a node as held by the server until it forgets it. */
function give(node: MemoryNode): MemoryNode {
  node.isGiven = true;
  return node;
}

/**
 * A file system in this process' memory. The program can write and read its files too, by path.
 *
 * @example
 * const files = new MemoryProvider();
 * files.writeFile('src/main.js', 'console.log(1 + 1)');
 * const vm = await VM.create({ vfs: { mounts: { '/work': files } } });
 * await vm.exec('node src/main.js > result', { cwd: '/work' });
 * console.log(files.readFile('result').toString());
 */
export class MemoryProvider implements VfsProvider {
  readonly isReadonly: boolean = false;
  readonly ttlMs: number = OWN_TREE_TTL_MS;
  readonly snapshot: ProviderSnapshot;
  readonly extendedAttributes?: ExtendedAttributes;
  readonly #tree: MemoryTree;
  readonly #names: MemoryNames;
  readonly #paths: MemoryPaths;

  constructor({ maxBytes = DEFAULT_MAX_BYTES, extendedAttributes = false }: MemoryOptions = {}) {
    const budget = new MemoryBudget(maxBytes);
    this.#tree = new MemoryTree(budget);
    this.#names = new MemoryNames(this.#tree);
    this.#paths = new MemoryPaths(this.#tree, this.#names);
    const attributes = new MemoryAttributes(this.#tree, budget);
    if (extendedAttributes) this.extendedAttributes = attributes;
    this.snapshot = new MemorySnapshot(this.#tree, attributes);
  }

  /** Writes a whole file (mode 0644) and makes its parent directories. @param path Below the mount, e.g. `src/a.js`. */
  writeFile(path: string, data: string | Uint8Array): void {
    this.#paths.writeFile(path, data);
  }

  /** Returns the content of a file. @throws {VfsError} ENOENT, EISDIR */
  readFile(path: string): Buffer {
    return this.#paths.readFile(path);
  }

  /** Makes a directory and its parents; existing ones stay as they are. */
  mkdir(path: string): void {
    this.#paths.mkdir(path);
  }

  /** Returns the names in a directory, sorted. @throws {VfsError} ENOENT, ENOTDIR */
  readdir(path = ''): string[] {
    return this.#paths.readdir(path);
  }

  place({ parent, name }: MemoryNode): NodePlace | null {
    return parent === null ? null : { parent, name };
  }

  start(user: Caller): MemoryNode {
    this.#tree.adopt(user);
    return give(this.#tree.root);
  }

  stop(): void {}

  /** Frees a file without a name when nothing else uses it. */
  forget(node: MemoryNode): void {
    node.isGiven = false;
    this.#tree.dropUnused(node);
  }

  lookup(parent: MemoryNode, name: string): MemoryNode {
    return give(this.#names.lookup(parent, name));
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
    return this.#names.list(node);
  }

  status(): FileSystemStatus {
    const { maxBytes, usedBytes, nodeCount, maxNodes } = this.#tree.usage();
    const free = Math.floor((maxBytes - usedBytes) / BLOCK_BYTES);
    return {
      blockSizeBytes: BLOCK_BYTES,
      blocks: Math.floor(maxBytes / BLOCK_BYTES),
      freeBlocks: free,
      availableBlocks: free,
      files: maxNodes,
      freeFiles: maxNodes - nodeCount,
    };
  }

  create(
    parent: MemoryNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): { node: MemoryNode; handle: MemoryHandle } {
    const existing = this.#names.find(parent, name);
    if (existing !== null && (file.flags & O_EXCL) !== 0) throw new VfsError('EEXIST');
    const node = existing ?? this.#names.add(parent, name, S_IFREG | file.mode, caller);
    return { node: give(node), handle: this.open(node, file.flags) };
  }

  makeNode(parent: MemoryNode, name: string, { mode, rdev }: NewNode, caller: Caller): MemoryNode {
    return give(this.#names.add(parent, name, mode, caller, { rdev }));
  }

  makeDirectory(parent: MemoryNode, name: string, mode: number, caller: Caller): MemoryNode {
    return give(this.#names.add(parent, name, S_IFDIR | mode, caller));
  }

  makeSymlink(parent: MemoryNode, name: string, target: Buffer, caller: Caller): MemoryNode {
    const kind = { target: Buffer.from(target) };
    return give(this.#names.add(parent, name, S_IFLNK | 0o777, caller, kind));
  }

  link(node: MemoryNode, parent: MemoryNode, name: string): void {
    this.#names.link(node, parent, name);
  }

  unlink(parent: MemoryNode, name: string): void {
    this.#names.unlink(parent, name);
  }

  removeDirectory(parent: MemoryNode, name: string): void {
    this.#names.removeDirectory(parent, name);
  }

  rename(
    parent: MemoryNode,
    name: string,
    newParent: MemoryNode,
    newName: string,
    flags: number,
  ): void {
    this.#names.rename(parent, name, newParent, newName, flags);
  }

  open(node: MemoryNode, flags: number): MemoryHandle {
    const content = this.#tree.file(node);
    if ((flags & O_TRUNC) !== 0) {
      content.truncate(0);
      this.#tree.modified(node);
    }
    node.openHandles++;
    return { node, flags };
  }

  read({ node }: MemoryHandle, target: Buffer, offset: number): number {
    return this.#tree.file(node).read(target, offset);
  }

  write({ node, flags }: MemoryHandle, data: Buffer, offset: number, isMapped: boolean): void {
    const content = this.#tree.file(node);
    content.write(data, (flags & O_APPEND) !== 0 && !isMapped ? content.sizeBytes : offset);
    this.#tree.modified(node);
  }

  release({ node }: MemoryHandle): void {
    node.openHandles--;
    this.#tree.dropUnused(node);
  }

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
