import { fstatSync, openSync, realpathSync, statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import { allocateInPool, descriptorPath, readLink, seek } from '../host/libc.ts';
import { ERRNO } from '../protocol/errno.ts';
import {
  O_ACCMODE,
  O_CLOEXEC,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_TRUNC,
  S_IFMT,
  S_IFREG,
} from './file-mode.ts';
import type {
  AttributeChange,
  Attributes,
  Caller,
  ChangeSource,
  DirectoryEntry,
  ExtendedAttributes,
  FileSystemStatus,
  MaybePromise,
  NewNode,
  NodePlace,
  ProviderSnapshot,
  VfsProvider,
} from './provider.ts';
import { VirtualStatStore } from './real/attributes/virtual-stat.ts';
import { DescriptorShare } from './real/descriptors/descriptor-share.ts';
import { openRegular } from './real/descriptors/open-regular.ts';
import { readFully, writeFully } from './real/descriptors/read-write.ts';
import { SlowCalls } from './real/descriptors/slow-calls.ts';
import { FollowedFile } from './real/nodes/followed-file.ts';
import { buildGuard } from './real/nodes/guard.ts';
import type { RealNode } from './real/nodes/real-node.ts';
import { RealNodeTable } from './real/nodes/real-node-table.ts';
import { OpenFiles, type RealHandle, syncDirectory, syncFile } from './real/open-files.ts';
import { Protection } from './real/protection.ts';
import { RealAttributes } from './real/real-attributes.ts';
import { RealChanges } from './real/real-changes.ts';
import { RealMetadata } from './real/real-metadata.ts';
import { RealNames } from './real/real-names.ts';
import { RealSnapshot } from './real/real-snapshot.ts';
import type { RemoteTree } from './remote/remote-provider.ts';
import { toErrno, VfsError } from './vfs-error.ts';

/** Errors of making a file whose name exists, or is protected and may exist. */
const NAME_TAKEN: ReadonlySet<number> = new Set([ERRNO.EEXIST, ERRNO.EPERM]);

/**
 * Options of {@link RealFSProvider}.
 *
 * @example
 * const options: RealFSOptions = { readonlyPaths: ['/home/ada/project/.git'] };
 * const project = new RealFSProvider('/home/ada/project', options);
 */
export interface RealFSOptions {
  /** Absolute host paths that the guest may read but not change, rename or replace. @default none */
  readonly readonlyPaths?: readonly string[];
  /**
   * Whether files have extended attributes. The guest then asks more often, of every mount of its VM: docs/files.md.
   * @default false
   */
  readonly extendedAttributes?: boolean;
}

/** The host edits these trees too: where they cannot be watched the guest asks again after a second. */
const HOST_TREE_TTL_MS = 1_000;

/**
 * Serves a host directory or one file. The guest follows symbolic links itself, inside the guest; nothing outside
 * the directory can be reached. Owners, set-id bits and devices: docs/files.md.
 *
 * @example
 * const vm = await VM.create({ vfs: { mounts: { '/workspace': new RealFSProvider('.') } } });
 * await vm.exec('make', { cwd: '/workspace' });
 */
export class RealFSProvider implements VfsProvider {
  readonly isReadonly: boolean = false;
  readonly ttlMs: number = HOST_TREE_TTL_MS;
  readonly snapshot: ProviderSnapshot;
  readonly changes: ChangeSource;
  readonly extendedAttributes?: ExtendedAttributes;
  readonly #hostPath: string;
  readonly #readonlyPaths: readonly string[];
  readonly #share = new DescriptorShare(() => this.#nodes.trim());
  readonly #nodes = new RealNodeTable(() => this.#share.nodeLimit);
  readonly #protection: Protection;
  readonly #stats = new VirtualStatStore();
  readonly #changes = new RealChanges(
    this.#nodes,
    // A class that extends this one may know further names.
    () => this.lookup === RealFSProvider.prototype.lookup,
    () => this.#metadata.expireRecent(),
  );
  readonly #metadata: RealMetadata;
  readonly #names: RealNames;
  readonly #files = new OpenFiles(this.#share);
  readonly #slow = new SlowCalls();
  #root: RealNode | null = null;
  /** The host file to follow by name when the volume is one file; else null. */
  #followed: FollowedFile | null = null;

  /** @param hostPath Directory or regular file; a relative path starts at the current directory. */
  constructor(hostPath: string, options: RealFSOptions = {}) {
    this.#hostPath = resolve(hostPath);
    this.#readonlyPaths = options.readonlyPaths ?? [];
    this.#protection = new Protection(this.#readonlyPaths);
    this.#metadata = new RealMetadata(this.#nodes, this.#stats);
    this.#names = new RealNames(this.#nodes, this.#metadata, this.#protection);
    if (options.extendedAttributes === true) {
      this.extendedAttributes = new RealAttributes(this.#nodes, this.#metadata, this.#protection);
    }
    this.changes = this.#changes;
    this.snapshot = new RealSnapshot({
      nodes: this.#nodes,
      stats: this.#stats,
      root: () => this.#root,
      give: (node) => this.#names.give(node),
      open: (node, flags) => this.#openNow(node, flags),
    });
  }

  /** @internal */
  get tree(): RemoteTree {
    const { ttlMs } = this;
    return { hostPath: this.#hostPath, readonlyPaths: this.#readonlyPaths, ttlMs };
  }

  place({ parent, name }: RealNode): NodePlace | null {
    return parent === null ? null : { parent, name };
  }

  /** @throws {SystemError} ENOENT and others of open(2) for the host path. */
  start(user: Caller): RealNode {
    const path = realpathSync(this.#hostPath);
    const fd = openSync(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const stat = fstatSync(fd);
    if (stat.isFile()) this.#followed = new FollowedFile(path);
    this.#metadata.start(stat, user);
    this.#share.join();
    const root = this.#nodes.adopt(fd, null, '', buildGuard(path, this.#readonlyPaths));
    this.#root = root;
    return this.#names.give(root);
  }

  stop(): void {
    this.#changes.close();
    this.#nodes.clear();
    this.#followed?.close();
    this.#stats.clear();
    this.#share.leave();
  }

  /** Call before each use of a node that is identified by its name. */
  #follow(node: RealNode): void {
    if (node === this.#root) this.#followed?.follow(this.#nodes, node);
  }

  forget(node: RealNode): void {
    this.#changes.forget(node);
    this.#nodes.forget(node);
  }

  lookup(parent: RealNode, name: string): RealNode {
    return this.#names.lookup(parent, name);
  }

  attributes(node: RealNode): Attributes {
    this.#follow(node);
    return this.#metadata.read(node);
  }

  setAttributes(
    node: RealNode,
    change: AttributeChange,
    handle: RealHandle | null,
  ): void | Promise<void> {
    if (handle === null) this.#follow(node);
    this.#protection.assertWritable(node);
    const { sizeBytes } = change;
    const shrunk =
      sizeBytes === undefined ? null : this.#slow.shrinkLarge(this.#nodes.fd(node), sizeBytes);
    if (shrunk === null) this.#metadata.change(node, change, handle);
    // The guest may release the handle meanwhile.
    else return shrunk.then(() => this.#metadata.change(node, change, null));
  }

  readLink(node: RealNode): Buffer {
    return readLink(this.#nodes.fd(node));
  }

  entries(node: RealNode): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#names.list(node);
  }

  status(): FileSystemStatus {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(
      this.#root === null ? this.#hostPath : descriptorPath(this.#nodes.fd(this.#root)),
    );
    return {
      blockSizeBytes: bsize,
      blocks,
      freeBlocks: bfree,
      availableBlocks: bavail,
      files,
      freeFiles: ffree,
    };
  }

  create(
    parent: RealNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): MaybePromise<{ node: RealNode; handle: RealHandle }> {
    try {
      return this.#createNew(parent, name, file, caller);
    } catch (error) {
      // Most files that are made do not exist yet: only the others are looked up. A failure after that must not open what was made.
      const mayExist = (file.flags & O_EXCL) === 0 && NAME_TAKEN.has(toErrno(error));
      const existing = mayExist ? this.#names.peek(parent, name) : null;
      if (existing === null) throw error;
      return this.#openExisting(existing, file.flags);
    }
  }

  #createNew(
    parent: RealNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): { node: RealNode; handle: RealHandle } {
    this.#share.assertFileRoom();
    const regular = { ...file, mode: S_IFREG | file.mode };
    const { node, opened } = this.#names.makeFile(parent, name, regular, caller);
    return { node, handle: this.#files.add(node, file.flags, opened) };
  }

  async #openExisting(
    node: RealNode,
    flags: number,
  ): Promise<{ node: RealNode; handle: RealHandle }> {
    try {
      const handle = await this.open(node, flags);
      return { node: this.#names.give(node), handle };
    } catch (error) {
      // The server never received the node, so it will not forget it.
      this.#nodes.dropUnlessGiven(node);
      throw error;
    }
  }

  makeNode(parent: RealNode, name: string, file: NewNode, caller: Caller): RealNode {
    return this.#names.makeNode(parent, name, file, caller);
  }

  makeDirectory(parent: RealNode, name: string, mode: number, caller: Caller): RealNode {
    return this.#names.makeDirectory(parent, name, mode, caller);
  }

  makeSymlink(parent: RealNode, name: string, target: Buffer, caller: Caller): RealNode {
    return this.#names.makeSymlink(parent, name, target, caller);
  }

  link(node: RealNode, parent: RealNode, name: string): void {
    this.#names.link(node, parent, name);
  }

  unlink(parent: RealNode, name: string): void {
    this.#names.unlink(parent, name);
  }

  removeDirectory(parent: RealNode, name: string): void {
    this.#names.removeDirectory(parent, name);
  }

  rename(
    parent: RealNode,
    name: string,
    newParent: RealNode,
    newName: string,
    flags: number,
  ): void {
    this.#names.rename(parent, name, newParent, newName, flags);
  }

  open(node: RealNode, flags: number): RealHandle | Promise<RealHandle> {
    if ((flags & O_TRUNC) === 0) return this.#openNow(node, flags);
    const shrunk = this.#slow.shrinkLarge(this.#openable(node, flags), 0);
    return shrunk === null
      ? this.#openNow(node, flags)
      : shrunk.then(() => this.#openNow(node, flags));
  }

  #openNow(node: RealNode, flags: number): RealHandle {
    const pathFd = this.#openable(node, flags);
    return this.#files.open(node, flags, () => openRegular(pathFd, flags));
  }

  /** Returns the O_PATH descriptor of a file that may be opened with these flags. @throws {VfsError} EACCES, EPERM, ESTALE */
  #openable(node: RealNode, flags: number): number {
    this.#follow(node);
    if ((flags & (O_ACCMODE | O_TRUNC)) !== 0) this.#protection.assertWritable(node);
    const pathFd = this.#nodes.fd(node);
    // The guest's kernel opens its devices itself: only a forged request asks for their host file.
    if ((this.#metadata.mode(node, pathFd) & S_IFMT) !== S_IFREG) throw new VfsError('EACCES');
    return pathFd;
  }

  read(handle: RealHandle, target: Buffer, offset: number): number | Promise<number> {
    return readFully(handle.fd, target, offset);
  }

  write(handle: RealHandle, data: Buffer, offset: number, isMapped: boolean): void | Promise<void> {
    this.#protection.assertStillWritable(handle.node);
    return writeFully(isMapped ? (handle.inPlaceFd ?? handle.fd) : handle.fd, data, offset);
  }

  release(handle: RealHandle): void {
    this.#files.release(handle);
  }

  sync(node: RealNode, handle: RealHandle | null, dataOnly: boolean): Promise<void> {
    if (handle !== null) return this.#slow.run(() => syncFile(handle.fd, dataOnly));
    return this.#slow.run(async () => syncDirectory(this.#nodes.fd(node), dataOnly));
  }

  allocate(handle: RealHandle, mode: number, offset: number, length: number): Promise<void> {
    this.#protection.assertStillWritable(handle.node);
    return this.#slow.run(() => allocateInPool(handle.fd, mode, offset, length));
  }

  seek(handle: RealHandle, offset: number, whence: number): number {
    return seek(handle.fd, offset, whence);
  }
}
