import type {
  AttributeChange,
  Attributes,
  Caller,
  DirectoryEntry,
  FileSystemStatus,
  NewNode,
} from '../provider.ts';

/** A node or handle of the mount process, by the number that it gave. */
export type RemoteId = number;

/** Paths that the guest may not change, and patterns of those that it does not see. */
export interface MountLimits {
  readonly readonlyPaths: readonly string[];
  /** Patterns: see `createShadowPathPredicate`. */
  readonly hide: readonly string[];
}

/** Calls of a mount process: the methods of `VfsProvider`, with numbers instead of nodes and handles. */
export interface MountCalls {
  start(hostPath: string, limits: MountLimits, user: Caller): RemoteId;
  lookup(parent: RemoteId, name: string): RemoteId;
  attributes(node: RemoteId): Attributes;
  setAttributes(node: RemoteId, change: AttributeChange, handle: RemoteId | null): void;
  readLink(node: RemoteId): Uint8Array;
  /** The first entries, and the number of the listing when more follow. */
  entries(node: RemoteId): EntriesReply;
  moreEntries(listing: RemoteId): EntriesReply;
  status(): FileSystemStatus;
  create(
    parent: RemoteId,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): { readonly node: RemoteId; readonly handle: RemoteId };
  makeNode(parent: RemoteId, name: string, node: NewNode, caller: Caller): RemoteId;
  makeDirectory(parent: RemoteId, name: string, mode: number, caller: Caller): RemoteId;
  makeSymlink(parent: RemoteId, name: string, target: Uint8Array, caller: Caller): RemoteId;
  link(node: RemoteId, parent: RemoteId, name: string): void;
  unlink(parent: RemoteId, name: string): void;
  removeDirectory(parent: RemoteId, name: string): void;
  rename(parent: RemoteId, name: string, newParent: RemoteId, newName: string, flags: number): void;
  open(node: RemoteId, flags: number): RemoteId;
  /** At most `length` bytes. */
  read(handle: RemoteId, length: number, offset: number): Uint8Array;
  write(handle: RemoteId, data: Uint8Array, offset: number, isMapped: boolean): void;
  release(handle: RemoteId): void;
  sync(node: RemoteId, handle: RemoteId | null, dataOnly: boolean): void;
  allocate(handle: RemoteId, mode: number, offset: number, length: number): void;
  seek(handle: RemoteId, offset: number, whence: number): number;
  save(nodes: readonly RemoteId[], handles: readonly RemoteId[]): unknown;
  restore(state: unknown): {
    readonly nodes: readonly (RemoteId | null)[];
    readonly handles: readonly (RemoteId | null)[];
  };
  /** Drops a node that was given `count` times. */
  forget(node: RemoteId, count: number): void;
  endEntries(listing: RemoteId): void;
}

export interface EntriesReply {
  readonly entries: readonly DirectoryEntry[];
  readonly listing: RemoteId | null;
}

export type MountMethod = keyof MountCalls;

export interface MountRequest {
  readonly id: number;
  readonly method: MountMethod;
  readonly args: readonly unknown[];
}

/** A failure: with an error number for the guest, or one of ours with its code. */
export interface MountFailure {
  readonly errno: number;
  readonly code: string | null;
  readonly message: string;
}

export type MountReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: MountFailure };
