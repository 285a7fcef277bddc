/*
 * Concepts (docs/files.md, "Concepts"): the file server calls a provider with nodes and handles that the provider gave it,
 * never with paths, so that renames and races cannot lead elsewhere. A call may return a value or a promise; calls overlap.
 * It fails with an error that has a Linux `errno` number or a Node `code` (see vfs-error.ts); any other becomes EIO.
 * Names are single components as `latin1` text (one character per byte), checked by the server: no `/`, no NUL, not
 * empty, not `.` or `..`, at most 255 bytes.
 */

/**
 * A value, or a promise of one.
 *
 * @example
 * const size = async (bytes: MaybePromise<Buffer>) => (await bytes).length;
 */
export type MaybePromise<T> = T | Promise<T>;

/**
 * One inode: the same object for the same inode as long as the server holds it (see `forget`). Opaque.
 *
 * @example
 * const node: VfsNode = { path: 'src/main.js' };
 */
export type VfsNode = object;

/**
 * One open file. Opaque.
 *
 * @example
 * const handle: VfsHandle = { path: 'src/main.js', isAppending: false };
 */
export type VfsHandle = object;

/**
 * User and group of the guest process that makes the request.
 *
 * @example
 * const isRoot = ({ uid }: Caller) => uid === 0;
 */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Attributes of a node, as stat(2) shows them in the guest.
 *
 * @example
 * const isDirectory = ({ mode }: Attributes) => (mode & 0o170000) === 0o040000;
 */
export interface Attributes {
  /** Unique within `device`, without one within the provider; stable while the node lives. */
  readonly ino: bigint;
  /** The host's st_dev, where `ino` is the host's st_ino. */
  readonly device?: bigint;
  /** File type and permission bits (st_mode). */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Device number of a character or block device, in the kernel's 32-bit form. */
  readonly rdev: number;
  readonly sizeBytes: number;
  /** In units of 512 bytes. */
  readonly blocks: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/**
 * Attributes to set; absent ones keep their value.
 *
 * @example
 * const isTruncated = ({ sizeBytes }: AttributeChange) => sizeBytes === 0;
 */
export interface AttributeChange {
  readonly mode?: number;
  /**
   * Permissions of the owning group, 0..7, when the group's bits of `mode` are the mask of an access control list: a file for which others
   * than the guest check permissions gets these.
   */
  readonly groupPermissions?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly sizeBytes?: number;
  readonly atimeNs?: bigint;
  readonly mtimeNs?: bigint;
  /** True when `atimeNs` is the current time: a provider whose files have a clock of their own uses that clock. */
  readonly isAtimeNow?: boolean;
  readonly isMtimeNow?: boolean;
}

/**
 * One name of a directory.
 *
 * @example
 * const entries: DirectoryEntry[] = [
 *   { name: 'src', type: 0o040000 },
 *   { name: 'README.md', type: 0o100000 },
 * ];
 */
export interface DirectoryEntry {
  /** latin1. */
  readonly name: string;
  /** File type bits (S_IFMT part of st_mode). */
  readonly type: number;
  /** Like `Attributes.ino`. Without it, programs that do not call `stat` see a meaningless number. */
  readonly ino?: bigint;
  /** Like `Attributes.device`. @default that of the directory */
  readonly device?: bigint;
}

/**
 * Totals of a mount's file system, as statfs(2) gives them.
 *
 * @example
 * const full: FileSystemStatus = {
 *   blockSizeBytes: 4096,
 *   blocks: 1024,
 *   freeBlocks: 0,
 *   availableBlocks: 0,
 *   files: 12,
 *   freeFiles: 0,
 * };
 */
export interface FileSystemStatus {
  readonly blockSizeBytes: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
}

/**
 * The type, permissions and device number of a node to make.
 *
 * @example
 * const isDevice = ({ rdev }: NewNode) => rdev !== 0;
 */
export interface NewNode {
  /** File type and permission bits. */
  readonly mode: number;
  readonly rdev: number;
}

/**
 * A name of a node.
 *
 * @example
 * const isAtTop = (root: VfsNode, { parent }: NodePlace) => parent === root;
 */
export interface NodePlace {
  /** The directory. */
  readonly parent: VfsNode;
  /** latin1. */
  readonly name: string;
}

/**
 * Saves the nodes and handles of a provider and restores them in another process, on the files as they are then.
 *
 * @example
 * const canBeSaved = (snapshot?: ProviderSnapshot) => snapshot !== undefined;
 * console.log(canBeSaved(new MemoryProvider().snapshot)); // true
 */
export interface ProviderSnapshot {
  /**
   * Returns the state from which `restore` finds these again: plain JSON of bounded size. Nothing changes meanwhile.
   * @throws {GondolinError} SNAPSHOT_UNSUPPORTED when it cannot be saved.
   */
  save(nodes: readonly VfsNode[], handles: readonly VfsHandle[]): MaybePromise<unknown>;
  /**
   * Returns the nodes and handles in the order in which they were saved, null for those that no longer exist; a node may
   * turn out to be gone later too (ESTALE). Called at most once, after `start`.
   * @param state Untrusted: read from a file.
   * @throws {GondolinError} SNAPSHOT_REFUSED when the state is malformed.
   */
  restore(state: unknown): MaybePromise<{
    readonly nodes: readonly (VfsNode | null)[];
    readonly handles: readonly (VfsHandle | null)[];
  }>;
}

/**
 * A change that a provider saw in a directory.
 *
 * @example
 * const isOfDirectory = ({ name }: DirectoryChange) => name === null;
 */
export interface DirectoryChange {
  readonly directory: VfsNode;
  /** latin1. The entry that was made, removed, replaced or changed; null: attributes of the directory itself. */
  readonly name: string | null;
  /**
   * Kind of change: `name` for one that was made, removed or replaced; `data` for one that was written; `closed` for one that was closed
   * after it was open for writing, perhaps written through a mapping; `unwatched`, without a name, when nothing is reported of the
   * directory any more, until {@link ChangeSource.covers} is called again.
   */
  readonly kind: 'name' | 'data' | 'closed' | 'attributes' | 'unwatched';
}

/**
 * The file to which a name leads.
 *
 * @example
 * const isKnown = ({ node }: CurrentEntry) => node !== null;
 */
export interface CurrentEntry {
  /** Null for a node that the server does not hold. */
  readonly node: VfsNode | null;
  /** File type bits (S_IFMT part of st_mode). */
  readonly type: number;
  readonly ctimeNs: bigint;
  /** Tells a write from a change of attributes where both may be meant. @default each is taken for a write */
  readonly mtimeNs?: bigint;
}

/**
 * Reports changes that are made behind the server's back, so that the guest may keep what it knows for as long as nothing changes.
 * Changes made through the provider may be reported too: the server compares each with what the guest knows.
 *
 * @example
 * const isLive = ({ changes }: VfsProvider) => changes !== undefined;
 * console.log(isLive(new RealFSProvider('.'))); // true
 */
export interface ChangeSource {
  /**
   * Passes changes to `onChange` from now on, null when some were missed: anything may have changed. Called once, after `start`.
   * None is later than 100 ms.
   */
  listen(onChange: (change: DirectoryChange | null) => void): void;
  /**
   * Returns true when changes of the directory, of its names, and of the attributes and contents of files in it that have one
   * name, are reported from now on; false when they cannot be, and for what is not a directory.
   */
  covers(directory: VfsNode): boolean;
  /** Returns what has the name now, without holding it; null for nothing. */
  current(directory: VfsNode, name: string): CurrentEntry | null;
  /**
   * @internal Returns true when a directory that was just made has no name now, and a name leads to a file only if it was made with the same
   * letters. The guest then no longer asks about names in it until one is reported.
   */
  isEmpty?(directory: VfsNode): boolean;
}

/**
 * Extended attributes (xattr(7)) of a provider's nodes. Names are latin1 and begin with `user.`, `trusted.` or `security.`, at most 255
 * bytes, or are those of access control lists (`system.posix_acl_access`, `system.posix_acl_default`), in the form of linux/posix_acl_xattr.h; values have at most 64 KiB. The guest's kernel decides who may use which.
 *
 * @example
 * const isCapable = async ({ extendedAttributes }: VfsProvider, node: VfsNode) =>
 *   (await extendedAttributes?.get(node, 'security.capability')) != null;
 */
export interface ExtendedAttributes {
  /** Returns the value, null when the node has no attribute of that name. */
  get(node: VfsNode, name: string): MaybePromise<Buffer | null>;
  list(node: VfsNode): MaybePromise<readonly string[]>;
  /**
   * Sets a value; copy it to keep it. Fails with EEXIST for an attribute that exists, ENODATA for one that does not.
   * @param flags of setxattr(2): 1 makes it, 2 replaces it, 0 either.
   */
  set(node: VfsNode, name: string, value: Buffer, flags: number): MaybePromise<void>;
  /** Fails with ENODATA when the file has no attribute of that name. */
  remove(node: VfsNode, name: string): MaybePromise<void>;
}

/**
 * Serves a mount. Implement it to serve files of your own.
 *
 * @example
 * const mounts: Record<string, VfsProvider> = {
 *   '/src': new ReadonlyProvider('.'),
 *   '/out': new MemoryProvider(),
 * };
 * const vm = await VM.create({ vfs: { mounts } });
 */
export interface VfsProvider {
  /** If true, the server refuses every change with EROFS before the provider sees it, and the guest mounts it read-only. */
  readonly isReadonly: boolean;
  /** Time for which the guest may use names and attributes that no {@link ChangeSource} covers without asking again, in milliseconds. */
  readonly ttlMs: number;
  /** Without it the guest asks again after `ttlMs`. */
  readonly changes?: ChangeSource;
  /** Without it a machine with this mount cannot be saved. */
  readonly snapshot?: ProviderSnapshot;
  /** Without it files have none (EOPNOTSUPP). With it the guest asks more often, of every mount of its VM: docs/files.md. */
  readonly extendedAttributes?: ExtendedAttributes;
  /**
   * Returns the last known name of a node, null for the root and for a node that never had one: `vfs.hooks` and events show paths
   * made of these. Without it they use the names that the guest asked for, which a restored machine no longer knows.
   */
  place?(node: VfsNode): NodePlace | null;
  /** Returns the root. Called once, before anything else. @param user Owner of the host user's files in the guest. */
  start(user: Caller): MaybePromise<VfsNode>;
  /** Called once, after every handle is released. */
  stop(): MaybePromise<void>;

  /** Drops a node that the server no longer holds. */
  forget(node: VfsNode): void;
  lookup(parent: VfsNode, name: string): MaybePromise<VfsNode>;
  attributes(node: VfsNode): MaybePromise<Attributes>;
  setAttributes(
    node: VfsNode,
    change: AttributeChange,
    handle: VfsHandle | null,
  ): MaybePromise<void>;
  readLink(node: VfsNode): MaybePromise<Buffer>;
  /**
   * Lists a directory, at once or, for a large one, in batches (of about a thousand entries). The server adds `.` and
   * `..`; a `..` in the first batch gives the inode number of the parent directory.
   */
  entries(
    node: VfsNode,
  ): MaybePromise<readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>>;
  status(): MaybePromise<FileSystemStatus>;

  /** Makes and opens a regular file. `flags` are those of open(2): with O_EXCL an existing name fails with EEXIST. */
  create(
    parent: VfsNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): MaybePromise<{ readonly node: VfsNode; readonly handle: VfsHandle }>;
  /** Makes a regular file, device, FIFO or socket without opening it. */
  makeNode(parent: VfsNode, name: string, node: NewNode, caller: Caller): MaybePromise<VfsNode>;
  makeDirectory(parent: VfsNode, name: string, mode: number, caller: Caller): MaybePromise<VfsNode>;
  makeSymlink(parent: VfsNode, name: string, target: Buffer, caller: Caller): MaybePromise<VfsNode>;
  link(node: VfsNode, parent: VfsNode, name: string): MaybePromise<void>;
  unlink(parent: VfsNode, name: string): MaybePromise<void>;
  removeDirectory(parent: VfsNode, name: string): MaybePromise<void>;
  /** @param flags of renameat2(2): 1 no replace, 2 exchange. */
  rename(
    parent: VfsNode,
    name: string,
    newParent: VfsNode,
    newName: string,
    flags: number,
  ): MaybePromise<void>;

  /** @param flags of open(2), without O_CREAT and O_EXCL. */
  open(node: VfsNode, flags: number): MaybePromise<VfsHandle>;
  /** Fills `target` from `offset`. Returns the number of bytes, less than its length only at the end of the file. */
  read(handle: VfsHandle, target: Buffer, offset: number): MaybePromise<number>;
  /**
   * Writes all of `data`: at `offset`, or at the end of a file that was opened with O_APPEND.
   * @param isMapped  True for data written through a shared mapping, which goes to `offset` even with O_APPEND.
   */
  write(handle: VfsHandle, data: Buffer, offset: number, isMapped: boolean): MaybePromise<void>;
  release(handle: VfsHandle): MaybePromise<void>;
  /** Writes a file or directory to the disk. @param handle Null for directories. */
  sync(node: VfsNode, handle: VfsHandle | null, dataOnly: boolean): MaybePromise<void>;
  allocate(handle: VfsHandle, mode: number, offset: number, length: number): MaybePromise<void>;
  /** Finds the next data or hole. @param whence SEEK_DATA 3 or SEEK_HOLE 4. */
  seek(handle: VfsHandle, offset: number, whence: number): MaybePromise<number>;
}
