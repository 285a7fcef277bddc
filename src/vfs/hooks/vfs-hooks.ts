import type { MaybePromise } from '../provider.ts';

/**
 * The operation that a hook sees: what the guest's kernel asks for. `release` is the last close of an open file.
 *
 * @example
 * const changes = new Set<VfsHookOperation>(['create', 'write', 'truncate', 'unlink', 'rename']);
 */
export type VfsHookOperation =
  | 'lookup'
  | 'stat'
  | 'readlink'
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'release'
  | 'fsync'
  | 'fallocate'
  | 'lseek'
  | 'statfs'
  | 'opendir'
  | 'readdir'
  | 'releasedir'
  | 'mkdir'
  | 'mknod'
  | 'symlink'
  | 'link'
  | 'unlink'
  | 'rmdir'
  | 'rename'
  | 'truncate'
  | 'chmod'
  | 'chown'
  | 'utimes'
  | 'getxattr'
  | 'listxattr'
  | 'setxattr'
  | 'removexattr';

/**
 * One operation of the guest on a mount. Which fields are set depends on `op`.
 *
 * @example
 * const show = ({ op, path, newPath }: VfsHookContext) => `${op} ${path} ${newPath ?? ''}`;
 */
export interface VfsHookContext {
  readonly op: VfsHookOperation;
  /** Absolute path in the guest; for `rename` and `link` the same as `oldPath`. Bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string;
  /** The existing name, of `rename` and `link`. */
  readonly oldPath?: string;
  /** The name to be, of `rename` and `link`. */
  readonly newPath?: string;
  /** The attribute, of `getxattr`, `setxattr` and `removexattr`: `user.name`. */
  readonly name?: string;
  /** The content of the link, of `symlink`. */
  readonly target?: string;
  /** Flags of open(2) for `open` and `create`, of renameat2(2) for `rename`. */
  readonly flags?: number;
  /** Permission bits for `create`, `mkdir` and `chmod`; with the type for `mknod`; the mode of fallocate(2). */
  readonly mode?: number;
  /** The new owner and group, of `chown`. */
  readonly uid?: number;
  readonly gid?: number;
  /** Number of the open file or directory. */
  readonly fh?: number;
  /** In bytes: of `read`, `write`, `fallocate` and `lseek`. */
  readonly offset?: number;
  /** In bytes: as much as `read` asks for, `write` brings, `fallocate` spans. */
  readonly length?: number;
  /** The new size in bytes, of `truncate`. */
  readonly size?: number;
  /** The bytes of `write`, and in `after` those of `read`. Valid until the hook returns; copy what is kept. */
  readonly data?: Buffer;
  /** In `after`: the bytes that were read or written. */
  readonly result?: number;
}

/** As many bytes, to replace those read or written, or nothing to leave them. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing
type Replaced = MaybePromise<Uint8Array | string | void>;

/**
 * Functions of the host that see, refuse or change what the guest does with the files of `vfs.mounts`. Each may be async: only
 * the request that it was called for waits. docs/files.md has the rules.
 *
 * @example
 * const hooks: VfsHooks = {
 *   beforeOpen: (path) => {
 *     if (path.endsWith('/.env')) throw new VfsError('EACCES');
 *   },
 *   afterWrite: (path, n) => console.log(`${path}: ${n} bytes`),
 * };
 * const vm = await VM.create({ vfs: { mounts: { '/work': new RealFSProvider('.') }, hooks } });
 */
export interface VfsHooks {
  /** Before each operation. What it throws refuses the operation: EACCES, or the `errno` or `code` of the error. */
  readonly before?: ((context: VfsHookContext) => MaybePromise<void>) | undefined;
  /** After each operation that succeeded. What it throws is reported and changes nothing. */
  readonly after?: ((context: VfsHookContext) => MaybePromise<void>) | undefined;
  /**
   * Each part of a file that the guest reads, at `offset`. Returns as many bytes in their place, or nothing. What it throws fails
   * the read: EIO, or the error's own number.
   */
  readonly onRead?:
    | ((path: string, data: Buffer, at: { readonly offset: number }) => Replaced)
    | undefined;
  /** Each part of a file that the guest writes, as `onRead`. */
  readonly onWrite?:
    | ((path: string, data: Buffer, at: { readonly offset: number }) => Replaced)
    | undefined;
  /** Before a file is opened or created. What it throws refuses: EACCES, or the error's own number. @param flags of open(2) */
  readonly beforeOpen?: ((path: string, flags: number) => MaybePromise<void>) | undefined;
  /** After `n` bytes were read; not at the end of a file, where n would be 0. */
  readonly afterRead?: ((path: string, n: number) => MaybePromise<void>) | undefined;
  /** After `n` bytes were written. */
  readonly afterWrite?: ((path: string, n: number) => MaybePromise<void>) | undefined;
  /** Before an open file is closed for the last time. Cannot refuse. Not called for files still open when the VM ends. */
  readonly beforeClose?: ((path: string) => MaybePromise<void>) | undefined;
}

/** The names of {@link VfsHooks}. */
export const VFS_HOOK_NAMES: readonly (keyof VfsHooks)[] = [
  'before',
  'after',
  'onRead',
  'onWrite',
  'beforeOpen',
  'afterRead',
  'afterWrite',
  'beforeClose',
];

/** True when a hook must see each read or changes data, so that the guest's page cache may not stand in for the file. */
export function needsDirectIo({ before, after, onRead, onWrite, afterRead }: VfsHooks): boolean {
  return [before, after, onRead, onWrite, afterRead].some((hook) => hook !== undefined);
}
