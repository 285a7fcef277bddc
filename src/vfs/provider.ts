/**
 * What serves a mount. The server calls a provider with nodes and handles it got from it, never with paths, so that
 * renames and races cannot lead elsewhere. Every call may answer with a value or a promise; calls overlap.
 * A failure is an error with a Linux `errno` number or a Node `code` (see vfs-error.ts); others become EIO.
 * Names are single components as `latin1` text (one character a byte), checked by the server: no `/`, no NUL, not
 * empty, not `.` or `..`, at most 255 bytes.
 */
export type MaybePromise<T> = T | Promise<T>;

/** One inode; the same object for the same inode as long as the server holds it (see `forget`). Opaque. */
export type VfsNode = object;

/** One open file. Opaque. */
export type VfsHandle = object;

/** Who asks: ids of the guest process. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/** As stat(2) in the guest shall see it. */
export interface Attributes {
  /** Unique within `device`, or else within the provider; stable while the node lives. */
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

/** Attributes to set; absent ones stay. */
export interface AttributeChange {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly sizeBytes?: number;
  readonly atimeNs?: bigint;
  readonly mtimeNs?: bigint;
  /** `atimeNs` is the present: a provider whose files have a clock of their own takes that. */
  readonly isAtimeNow?: boolean;
  readonly isMtimeNow?: boolean;
}

export interface DirectoryEntry {
  /** latin1. */
  readonly name: string;
  /** File type bits (S_IFMT part of st_mode). */
  readonly type: number;
  /** As `Attributes.ino`. Absent: programs that read it without `stat` see a number that says nothing. */
  readonly ino?: bigint;
  /** As `Attributes.device`. @default that of the directory */
  readonly device?: bigint;
}

/** Totals of the file system behind a mount, as statfs(2). */
export interface FileSystemStatus {
  readonly blockSizeBytes: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
}

export interface NewNode {
  /** File type and permission bits. */
  readonly mode: number;
  readonly rdev: number;
}

/** How nodes and handles of a provider go on in another process, on the files as they are by then. */
export interface ProviderSnapshot {
  /**
   * What `restore` needs to find these again: plain JSON of bounded size. Nothing changes meanwhile.
   * @throws {GondolinError} SNAPSHOT_UNSUPPORTED when it cannot be saved.
   */
  save(nodes: readonly VfsNode[], handles: readonly VfsHandle[]): unknown;
  /**
   * Called at most once, after `start`. Gives nodes and handles in the order they were saved in, null for what is no
   * more; a node may turn out to be gone later too (ESTALE).
   * @param state Untrusted: it was in a file.
   * @throws {GondolinError} SNAPSHOT_REFUSED when it is not of its form.
   */
  restore(state: unknown): {
    readonly nodes: readonly (VfsNode | null)[];
    readonly handles: readonly (VfsHandle | null)[];
  };
}

export interface VfsProvider {
  /** True refuses every change with EROFS before the provider sees it; the guest mounts it read-only. */
  readonly isReadonly: boolean;
  /** How long the guest may trust names and attributes without asking, in milliseconds. */
  readonly ttlMs: number;
  /** Absent: a machine with this mount cannot be saved. */
  readonly snapshot?: ProviderSnapshot;
  /** Called once before all else. @param user whom the host user's files belong to. Gives the root. */
  start(user: Caller): MaybePromise<VfsNode>;
  /** Called once; every handle is released before. */
  stop(): MaybePromise<void>;

  /** The server no longer holds this node: it may be dropped. */
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
   * Lists a directory, at once or in batches (of about a thousand) for a large one. The server adds `.` and `..`; a `..`
   * in the first batch tells the number of the directory above.
   */
  entries(
    node: VfsNode,
  ): MaybePromise<readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>>;
  status(): MaybePromise<FileSystemStatus>;

  /** Makes and opens a regular file. `flags` are those of open(2); with O_EXCL an existing name fails with EEXIST. */
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
  /** Fills `target` from `offset`; gives how many bytes, fewer only at the end of the file. */
  read(handle: VfsHandle, target: Buffer, offset: number): MaybePromise<number>;
  /**
   * Writes all of `data`: at `offset`, or at the end of a file that was opened with O_APPEND.
   * @param isMapped  The data was written through a shared mapping: at `offset` even with O_APPEND.
   */
  write(handle: VfsHandle, data: Buffer, offset: number, isMapped: boolean): MaybePromise<void>;
  release(handle: VfsHandle): MaybePromise<void>;
  /** @param node the file or directory; @param handle null for directories. */
  sync(node: VfsNode, handle: VfsHandle | null, dataOnly: boolean): MaybePromise<void>;
  allocate(handle: VfsHandle, mode: number, offset: number, length: number): MaybePromise<void>;
  /** @param whence SEEK_DATA 3 or SEEK_HOLE 4. */
  seek(handle: VfsHandle, offset: number, whence: number): MaybePromise<number>;
}
