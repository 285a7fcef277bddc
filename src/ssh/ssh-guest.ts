import type { Duplex, Readable, Writable } from 'node:stream';

/** A command in the guest: the part of `ExecProcess` that SSH uses. */
export interface SshProcess
  extends PromiseLike<{ readonly exitCode: number; readonly signal: string | null }> {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  kill(signal: NodeJS.Signals, scope: 'process' | 'group' | 'tree'): Promise<void>;
  /** For a command on a terminal. */
  resize(rows: number, columns: number): Promise<void>;
}

export interface SshExecOptions {
  readonly stdin: true;
  readonly stdout: 'pipe';
  readonly stderr: 'pipe';
  readonly env: Readonly<Record<string, string>>;
  readonly pty?: boolean;
  readonly rows?: number;
  readonly columns?: number;
}

/** A path: text, or the bytes of a name that is not UTF-8. */
export type SshPath = string | Uint8Array;

/** Attributes of a file. Untrusted. */
export interface SshStats {
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** In bytes. */
  readonly size: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
}

export interface SshEntry extends SshStats {
  readonly nameBytes: Uint8Array;
}

/** Changes of a file by its handle. Times are in milliseconds, as a Date has them. */
export interface SshFile {
  read(offset: number, length: number): Promise<Buffer>;
  write(offset: number, data: Uint8Array): Promise<void>;
  stat(): Promise<SshStats>;
  truncate(size: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  utimes(atime: Date, mtime: Date): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

interface Follow {
  readonly follow?: boolean;
}

/** The size and free space of a file system, in bytes unless it says otherwise. */
export interface SshSpace {
  readonly blockBytes: number;
  readonly blocks: bigint;
  readonly freeBlocks: bigint;
  readonly availableBlocks: bigint;
  readonly files: bigint;
  readonly freeFiles: bigint;
}

/** The guest's files: the part of `GuestFileSystem` that SFTP uses. Rejections have a `code` such as `ENOENT`. */
export interface SshFiles {
  /** @param flags  Bits of `fs.constants`, O_…. */
  open(path: SshPath, flags: number, mode?: number): Promise<SshFile>;
  listDir(path: SshPath): Promise<readonly SshEntry[]>;
  stat(path: SshPath): Promise<SshStats>;
  lstat(path: SshPath): Promise<SshStats>;
  mkdir(path: SshPath, options?: { readonly mode?: number }): Promise<void>;
  rmdir(path: SshPath): Promise<void>;
  /** Deletes a file. */
  delete(path: SshPath): Promise<void>;
  rename(from: SshPath, to: SshPath): Promise<void>;
  link(existing: SshPath, path: SshPath): Promise<void>;
  symlink(target: SshPath, path: SshPath): Promise<void>;
  readlink(path: SshPath): Promise<string>;
  realpath(path: SshPath): Promise<string>;
  chmod(path: SshPath, mode: number): Promise<void>;
  chown(path: SshPath, uid: number, gid: number, options?: Follow): Promise<void>;
  utimes(path: SshPath, atime: Date, mtime: Date, options?: Follow): Promise<void>;
  truncate(path: SshPath, size: number): Promise<void>;
}

/** The VM as SSH uses it; tests pass their own. */
export interface SshGuest {
  exec(argv: readonly string[], options: SshExecOptions): SshProcess;
  readonly files: SshFiles;
  /** Opens a TCP connection to a server in the guest; rejects when nothing listens. */
  connect(port: number, host: string | null): Promise<Duplex>;
}
