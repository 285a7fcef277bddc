import {
  chmodSync,
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  readdirSync,
  realpathSync,
  statfsSync,
} from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  allocate,
  descriptorPath,
  linkDescriptorAt,
  makeDirectoryAt,
  openAt,
  readLink,
  removeDirectoryAt,
  renameAt,
  seek,
  setTimes,
  symlinkAt,
  unlinkAt,
} from '../host/libc.ts';
import {
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  O_TRUNC,
  PERMISSION_BITS,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
} from './file-mode.ts';
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
import { DescriptorShare } from './real/descriptor-share.ts';
import { direntType } from './real/dirent-type.ts';
import { buildGuard, isProtectedFile } from './real/guard.ts';
import {
  hostPermissions,
  type OwnerMap,
  presentAttributes,
  presentMode,
} from './real/ownership.ts';
import { RealCarry } from './real/real-carry.ts';
import { openRegular, type RealHandle, readFully, writeFully } from './real/real-file.ts';
import { type RealNode, RealNodeTable } from './real/real-node.ts';
import { NO_VIRTUAL_STAT, type VirtualStat, VirtualStatStore } from './real/virtual-stat.ts';
import { VfsError } from './vfs-error.ts';

export interface RealFSOptions {
  /** Absolute host paths that the guest may read but never change, rename or replace. @default none */
  readonly readonlyPaths?: readonly string[];
}

/** The host edits these trees too: the guest asks again after a second. */
const HOST_TREE_TTL_MS = 1_000;
const RENAME_EXCHANGE = 2;
const O_ACCESS_WRITES = 3;

/**
 * Serves a host directory (or one file). Symbolic links are the guest's to follow, inside the guest; nothing outside
 * the directory can be reached. Owners, set-id bits and devices: docs/files.md.
 */
export class RealFSProvider implements VfsProvider {
  readonly isReadonly: boolean = false;
  readonly ttlMs: number = HOST_TREE_TTL_MS;
  readonly carry: ProviderCarry;
  readonly #hostPath: string;
  readonly #readonlyPaths: readonly string[];
  readonly #share = new DescriptorShare(() => this.#nodes.trim());
  readonly #nodes = new RealNodeTable(() => this.#share.nodeLimit);
  readonly #stats = new VirtualStatStore();
  readonly #protectedKeys = new Set<string>();
  readonly #devices = new Map<bigint, bigint>();
  #root: RealNode | null = null;
  #owners: OwnerMap = { hostUids: new Set(), hostGids: new Set(), user: { uid: 0, gid: 0 } };

  /** @param hostPath Directory or regular file; relative ones start at the current directory. */
  constructor(hostPath: string, options: RealFSOptions = {}) {
    this.#hostPath = resolve(hostPath);
    this.#readonlyPaths = options.readonlyPaths ?? [];
    this.carry = new RealCarry({
      ...{ nodes: this.#nodes, stats: this.#stats, devices: this.#devices },
      root: () => this.#root,
      give: (node) => this.#give(node),
      open: (node, flags) => this.open(node, flags),
    });
  }

  /** @throws ENOENT and the like when the host path is not there. */
  start(user: Caller): RealNode {
    const path = realpathSync(this.#hostPath);
    const fd = openSync(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const { uid, gid } = fstatSync(fd);
    this.#owners = {
      hostUids: new Set([process.geteuid?.() ?? uid, uid]),
      hostGids: new Set([process.getegid?.() ?? gid, gid]),
      user,
    };
    this.#share.join();
    const root = this.#nodes.adopt(fd, null, '', buildGuard(path, this.#readonlyPaths));
    this.#root = root;
    return this.#give(root);
  }

  stop(): void {
    this.#nodes.clear();
    this.#share.leave();
  }

  forget(node: RealNode): void {
    this.#nodes.forget(node);
  }

  lookup(parent: RealNode, name: string): RealNode {
    return this.#give(this.#nodes.lookup(parent, name));
  }

  /** Hands a node to the server; a protected one is known by its inode from now on, whatever its name (hard links). */
  #give(node: RealNode): RealNode {
    node.isGiven = true;
    if (isProtectedFile(node.guard)) this.#protectedKeys.add(node.key);
    return node;
  }

  #virtual(node: RealNode, fd: number): VirtualStat {
    node.stat ??= this.#stats.load(fd, node.key, this.#owners.hostUids.has(fstatSync(fd).uid));
    return node.stat;
  }

  attributes(node: RealNode): Attributes {
    const fd = this.#nodes.fd(node);
    const host = fstatSync(fd, { bigint: true });
    return presentAttributes(host, this.#virtual(node, fd), this.#owners, this.#number(node));
  }

  /** One number per inode over all host devices below the mount. */
  #number({ dev, ino }: RealNode): bigint {
    const index = this.#devices.get(dev) ?? BigInt(this.#devices.size);
    this.#devices.set(dev, index);
    return ino ^ (index << 48n);
  }

  #assertWritable(node: RealNode): void {
    if (this.#protectedKeys.has(node.key) || isProtectedFile(node.guard))
      throw new VfsError('EPERM');
  }

  #assertNameFree(parent: RealNode, name: string): void {
    if (parent.guard?.children.has(name) === true) throw new VfsError('EPERM');
  }

  setAttributes(node: RealNode, change: AttributeChange, handle: RealHandle | null): void {
    this.#assertWritable(node);
    const fd = this.#nodes.fd(node);
    if (change.sizeBytes !== undefined) this.#truncate(fd, change.sizeBytes, handle);
    if (change.uid !== undefined || change.gid !== undefined || change.mode !== undefined) {
      this.#remember(node, fd, change);
    }
    if (change.atimeNs !== undefined || change.mtimeNs !== undefined) {
      setTimes(fd, change.atimeNs ?? null, change.mtimeNs ?? null);
    }
  }

  #truncate(fd: number, sizeBytes: number, handle: RealHandle | null): void {
    const own = handle === null ? openRegular(fd, O_RDWR) : null;
    try {
      ftruncateSync(own ?? handle?.fd ?? -1, sizeBytes);
    } finally {
      if (own !== null) closeSync(own);
    }
  }

  /** Gives the file what the host may have of it and remembers the rest. */
  #remember(
    node: RealNode,
    fd: number,
    change: Pick<AttributeChange, 'uid' | 'gid' | 'mode'>,
  ): void {
    const host = fstatSync(fd);
    const before = this.#virtual(node, fd);
    const shown = presentMode(host.mode, before);
    const next: { -readonly [K in keyof VirtualStat]: VirtualStat[K] } = { ...before };
    const isLink = (host.mode & S_IFMT) === S_IFLNK;
    if (change.uid !== undefined) next.uid = change.uid;
    if (change.gid !== undefined) next.gid = change.gid;
    if (change.mode !== undefined && !isLink) {
      const wanted = (shown & S_IFMT) | (change.mode & PERMISSION_BITS);
      const isDirectory = host.isDirectory();
      const isVirtualType = (shown & S_IFMT) !== (host.mode & S_IFMT);
      const permissions = isVirtualType ? 0o600 : hostPermissions(wanted, isDirectory);
      if ((host.mode & PERMISSION_BITS) !== permissions) chmodSync(descriptorPath(fd), permissions);
      const isExact = permissions === (wanted & PERMISSION_BITS) && !isVirtualType;
      next.mode = isExact ? null : wanted;
      next.hostMode = isExact ? 0 : permissions;
    }
    node.stat = next;
    this.#stats.save(fd, node.key, next);
  }

  readLink(node: RealNode): Buffer {
    return readLink(this.#nodes.fd(node));
  }

  entries(node: RealNode): DirectoryEntry[] {
    const path = descriptorPath(this.#nodes.fd(node));
    const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
    return entries.map((entry) => ({
      name: entry.name.toString('latin1'),
      type: direntType(entry),
    }));
  }

  status(): FileSystemStatus {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(
      this.#root === null ? this.#hostPath : descriptorPath(this.#nodes.fd(this.#root)),
    );
    return {
      blockSizeBytes: bsize,
      ...{ blocks, freeBlocks: bfree, availableBlocks: bavail, files, freeFiles: ffree },
    };
  }

  create(
    parent: RealNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): { node: RealNode; handle: RealHandle } {
    const existing = (file.flags & O_EXCL) === 0 ? this.#peek(parent, name) : null;
    if (existing !== null) {
      const node = this.#give(existing);
      return { node, handle: this.open(node, file.flags & ~O_EXCL) };
    }
    this.#share.assertFileRoom();
    const node = this.makeNode(parent, name, { ...file, mode: S_IFREG | file.mode }, caller);
    return { node, handle: this.open(node, file.flags & ~(O_CREAT | O_EXCL | O_TRUNC)) };
  }

  /** A node for one operation; `dropUnlessGiven` afterwards. Null when the name is not there. */
  #peek(parent: RealNode, name: string): RealNode | null {
    try {
      return this.#nodes.lookup(parent, name);
    } catch {
      // Not there: the operation itself tells any other reason.
      return null;
    }
  }

  makeNode(parent: RealNode, name: string, { mode, rdev }: NewNode, caller: Caller): RealNode {
    this.#assertNameFree(parent, name);
    const flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    closeSync(openAt(this.#nodes.fd(parent), name, flags, 0o600));
    const node = this.#made(parent, name, mode, caller);
    if ((mode & S_IFMT) !== S_IFREG) this.#makeVirtual(node, mode, rdev);
    return node;
  }

  /** A device, FIFO or socket is an empty file on the host: the guest's kernel does the rest. */
  #makeVirtual(node: RealNode, mode: number, rdev: number): void {
    const fd = this.#nodes.fd(node);
    chmodSync(descriptorPath(fd), 0o600);
    node.stat = { ...this.#virtual(node, fd), mode, rdev, hostMode: 0o600 };
    this.#stats.save(fd, node.key, node.stat);
  }

  makeDirectory(parent: RealNode, name: string, mode: number, caller: Caller): RealNode {
    this.#assertNameFree(parent, name);
    makeDirectoryAt(this.#nodes.fd(parent), name, 0o700);
    const isInherited = (this.attributes(parent).mode & S_ISGID) !== 0;
    return this.#made(parent, name, isInherited ? mode | S_ISGID : mode, caller);
  }

  makeSymlink(parent: RealNode, name: string, target: Buffer, caller: Caller): RealNode {
    this.#assertNameFree(parent, name);
    symlinkAt(target.toString('latin1'), this.#nodes.fd(parent), name);
    return this.#made(parent, name, undefined, caller);
  }

  /** Gives a new file its mode and its maker. The group comes from a set-group-id directory, as on Linux. */
  #made(parent: RealNode, name: string, mode: number | undefined, caller: Caller): RealNode {
    const node = this.#give(this.#nodes.lookup(parent, name));
    // The inode number may be one that a deleted file had.
    this.#stats.drop(node.key);
    node.stat = NO_VIRTUAL_STAT;
    const around = this.attributes(parent);
    const gid = (around.mode & S_ISGID) !== 0 ? around.gid : caller.gid;
    const { user } = this.#owners;
    const shown = this.attributes(node);
    const change = {
      ...(caller.uid === shown.uid && caller.uid === user.uid ? {} : { uid: caller.uid }),
      ...(gid === shown.gid && gid === user.gid ? {} : { gid }),
      ...(mode === undefined ? {} : { mode }),
    };
    if (Object.keys(change).length > 0) this.#remember(node, this.#nodes.fd(node), change);
    return node;
  }

  link(node: RealNode, parent: RealNode, name: string): void {
    this.#assertWritable(node);
    this.#assertNameFree(parent, name);
    const fd = this.#nodes.fd(node);
    linkDescriptorAt(fd, this.#nodes.fd(parent), name);
  }

  unlink(parent: RealNode, name: string): void {
    this.#assertNameFree(parent, name);
    const node = this.#nodes.lookup(parent, name);
    try {
      this.#assertWritable(node);
      unlinkAt(this.#nodes.fd(parent), name);
      this.#unlinked(node);
    } finally {
      this.#nodes.dropUnlessGiven(node);
    }
  }

  /** A file whose last name is gone cannot be found by name again. */
  #unlinked(node: RealNode): void {
    const stat = fstatSync(this.#nodes.fd(node));
    if (stat.nlink > 0 && !stat.isDirectory()) return;
    this.#nodes.unlinked(node);
    this.#stats.drop(node.key);
  }

  removeDirectory(parent: RealNode, name: string): void {
    this.#assertNameFree(parent, name);
    const node = this.#nodes.lookup(parent, name);
    try {
      removeDirectoryAt(this.#nodes.fd(parent), name);
      this.#unlinked(node);
    } finally {
      this.#nodes.dropUnlessGiven(node);
    }
  }

  rename(
    parent: RealNode,
    name: string,
    newParent: RealNode,
    newName: string,
    flags: number,
  ): void {
    this.#assertNameFree(parent, name);
    this.#assertNameFree(newParent, newName);
    const node = this.#nodes.lookup(parent, name);
    const replaced = this.#peek(newParent, newName);
    try {
      this.#assertWritable(node);
      if (replaced !== null) this.#assertWritable(replaced);
      renameAt(this.#nodes.fd(parent), name, this.#nodes.fd(newParent), newName, flags);
      this.#nodes.moved(node, newParent, newName, null);
      if (replaced === null || replaced === node) return;
      if (flags === RENAME_EXCHANGE) this.#nodes.moved(replaced, parent, name, null);
      else this.#unlinked(replaced);
    } finally {
      this.#nodes.dropUnlessGiven(node);
      if (replaced !== node) this.#nodes.dropUnlessGiven(replaced);
    }
  }

  open(node: RealNode, flags: number): RealHandle {
    if ((flags & (O_ACCESS_WRITES | O_TRUNC)) !== 0) this.#assertWritable(node);
    const pathFd = this.#nodes.fd(node);
    const shown = presentMode(fstatSync(pathFd).mode, this.#virtual(node, pathFd));
    // The guest's kernel opens its devices itself: only a forged request asks for their host file.
    if ((shown & S_IFMT) !== S_IFREG) throw new VfsError('EACCES');
    this.#share.assertFileRoom();
    const fd = openRegular(pathFd, flags);
    this.#share.fileOpened();
    node.handles ??= new Set();
    node.handles.add(fd);
    return { fd, node, flags };
  }

  read(handle: RealHandle, target: Buffer, offset: number): number | Promise<number> {
    return readFully(handle.fd, target, offset);
  }

  write(handle: RealHandle, data: Buffer, offset: number): void | Promise<void> {
    return writeFully(handle.fd, data, offset);
  }

  release(handle: RealHandle): void {
    handle.node.handles?.delete(handle.fd);
    closeSync(handle.fd);
    this.#share.fileClosed();
  }

  async sync(node: RealNode, handle: RealHandle | null, dataOnly: boolean): Promise<void> {
    const call = promisify(dataOnly ? fdatasync : fsync);
    if (handle !== null) return call(handle.fd);
    const fd = openSync(descriptorPath(this.#nodes.fd(node)), O_DIRECTORY | O_CLOEXEC);
    try {
      await call(fd);
    } finally {
      closeSync(fd);
    }
  }

  allocate(handle: RealHandle, mode: number, offset: number, length: number): void {
    allocate(handle.fd, mode, offset, length);
  }

  seek(handle: RealHandle, offset: number, whence: number): number {
    return seek(handle.fd, offset, whence);
  }
}
