import type { FileFlag } from './file-flags.ts';

/**
 * Options of every method of `vm.fs`.
 *
 * @example
 * const options: FileOptions = { signal: AbortSignal.timeout(5_000) };
 * await vm.fs.stat('/etc/hostname', options);
 */
export interface FileOptions {
  /** Rejects with FILES_ABORTED when aborted. What the guest has begun may still be done. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of `vm.fs.readFile`.
 *
 * @example
 * const options: ReadFileOptions = { maxBytes: 1_000_000 };
 * const text = await vm.fs.readFile('/etc/hostname', { ...options, encoding: 'utf8' });
 */
export interface ReadFileOptions extends FileOptions {
  /** Text in this encoding instead of bytes. */
  readonly encoding?: BufferEncoding | null | undefined;
  /** A longer file rejects with FILES_TOO_LARGE. @default 1073741824 */
  readonly maxBytes?: number;
}

/**
 * Options of `vm.fs.writeFile` and `vm.fs.appendFile`.
 *
 * @example
 * const options: WriteFileOptions = { mode: 0o600, flag: 'wx' };
 * await vm.fs.writeFile('/tmp/key', 'secret', options);
 */
export interface WriteFileOptions extends FileOptions {
  /** Permission bits of a new file, before the umask 0o022. @default 0o666 */
  readonly mode?: number;
  /** @default 'w', or 'a' for `appendFile` */
  readonly flag?: FileFlag;
  /** Encoding of text. @default 'utf8' */
  readonly encoding?: BufferEncoding | undefined;
}

/**
 * Options of `vm.fs.createReadStream`.
 *
 * @example
 * const options: ReadStreamOptions = { start: 0, end: 99 };
 * for await (const chunk of vm.fs.createReadStream('/etc/passwd', options)) console.log(chunk.length > 0);
 */
export interface ReadStreamOptions extends FileOptions {
  /** First byte. @default 0 */
  readonly start?: number;
  /** Last byte, included. @default the end of the file */
  readonly end?: number;
  /** Bytes of one read, at most 262144. @default 131072 */
  readonly highWaterMark?: number;
  /** The stream gives text. */
  readonly encoding?: BufferEncoding;
}

/**
 * Options of `vm.fs.createWriteStream`.
 *
 * @example
 * const options: WriteStreamOptions = { flag: 'r+', start: 512 };
 * vm.fs.createWriteStream('/tmp/disk', options).end('sector');
 */
export interface WriteStreamOptions extends FileOptions {
  /** @default 'w' */
  readonly flag?: FileFlag;
  /** Permission bits of a new file, before the umask 0o022. @default 0o666 */
  readonly mode?: number;
  /** Position of the first byte. @default 0 */
  readonly start?: number;
}

/**
 * Options of `vm.fs.mkdir`.
 *
 * @example
 * const options: MkdirOptions = { recursive: true, mode: 0o700 };
 * await vm.fs.mkdir('/tmp/a/b', options);
 */
export interface MkdirOptions extends FileOptions {
  /** Makes missing parents, and an existing directory is no error. @default false */
  readonly recursive?: boolean;
  /** Permission bits of the last directory, before the umask 0o022. @default 0o777 */
  readonly mode?: number;
}

/**
 * Options of `vm.fs.delete`.
 *
 * @example
 * const options: DeleteOptions = { recursive: true, force: true };
 * await vm.fs.delete('/tmp/build', options);
 */
export interface DeleteOptions extends FileOptions {
  /** Deletes a directory with its content. Follows no symbolic link. @default false */
  readonly recursive?: boolean;
  /** A missing path is no error. @default false */
  readonly force?: boolean;
}

/**
 * Options of `vm.fs.chown` and `vm.fs.utimes`.
 *
 * @example
 * const options: FollowOptions = { follow: false };
 * await vm.fs.chown('/tmp/link', 1000, 1000, options);
 */
export interface FollowOptions extends FileOptions {
  /** If false, acts on a symbolic link itself. @default true */
  readonly follow?: boolean;
}

/**
 * Options of `vm.fs.glob`.
 *
 * @example
 * const options: GlobOptions = { dot: true };
 * console.log(await vm.fs.glob('/root/*', options));
 */
export interface GlobOptions extends FileOptions {
  /** Wildcards also match names that begin with a dot. @default false */
  readonly dot?: boolean;
}
