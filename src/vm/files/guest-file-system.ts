import { Readable, type Writable } from 'node:stream';
import { FILES_OPEN } from '../../protocol/constants.ts';
import type { FilesPath } from '../../protocol/files/files-request.ts';
import type { ArchiveForm } from './copy/archive-out.ts';
import type { CopyInOptions, CopyOptions, CopySummary } from './copy/copy-options.ts';
import type { HostPlace } from './copy/host-place.ts';
import type { GuestSpace } from './decode.ts';
import { collectEntries } from './directory.ts';
import { type FileFlag, openBits } from './file-flags.ts';
import { FileWriteStream, readStream } from './file-streams.ts';
import { type FileTime, toNs } from './file-time.ts';
import type {
  DeleteOptions,
  FileOptions,
  FollowOptions,
  GlobOptions,
  MkdirOptions,
  ReadFileOptions,
  ReadStreamOptions,
  WriteFileOptions,
  WriteStreamOptions,
} from './files-options.ts';
import type { FilesSession } from './files-session.ts';
import { GuestFileHandle } from './guest-file-handle.ts';
import { guestPath } from './guest-path.ts';
import { GuestEntry, GuestStats } from './guest-stats.ts';
import { NameRequests } from './name-requests.ts';
import { OpenGuestFile } from './open-file.ts';
import { type FileContent, readWhole, writeWhole } from './whole-file.ts';

const DEFAULT_MAX_BYTES = 2 ** 30;
const DEFAULT_FILE_MODE = 0o666;
const DEFAULT_DIRECTORY_MODE = 0o777;

/**
 * The files of the guest as one of its users sees them: `vm.fs`, or `vm.filesAs(user)`. Works while commands run, in any
 * image. A path is text, or the bytes of a name that is not UTF-8; a relative one starts at the VM's `cwd`, else at the
 * user's home.
 *
 * Every method rejects with a GondolinError. What the guest's kernel refuses has the code of `node:fs` (`ENOENT`,
 * `EACCES`, …, listed in docs/errors.md) and `details` {errno, syscall, path}; FILES_FAILED is a refusal with another errno. FILES_ENDED:
 * the process that serves the files has ended, for example because the guest ran out of memory; the next call starts
 * another. Else FILES_ABORTED, GUEST_PROTOCOL, VM_BAD_OPTION, AGENT_EXEC_BAD_USER, VM_NOT_RUNNING.
 *
 * @example
 * const files: GuestFileSystem = vm.fs;
 * await files.writeFile('/tmp/hello', 'hello\n');
 * console.log(await files.readFile('/tmp/hello', { encoding: 'utf8' }));
 */
export class GuestFileSystem {
  readonly #session: FilesSession;
  readonly #cwd: string | undefined;
  readonly #names: NameRequests;

  /** @internal */
  constructor(session: FilesSession, cwd: string | undefined) {
    this.#session = session;
    this.#cwd = cwd;
    this.#names = new NameRequests(session, cwd);
  }

  /** Reads a whole file: bytes, or text with an encoding. @throws {GondolinError} FILES_TOO_LARGE above `maxBytes`. */
  readFile(
    path: FilesPath,
    options: BufferEncoding | (ReadFileOptions & { readonly encoding: BufferEncoding }),
  ): Promise<string>;
  readFile(
    path: FilesPath,
    options?: ReadFileOptions & { readonly encoding?: null | undefined },
  ): Promise<Buffer>;
  async readFile(
    path: FilesPath,
    options: BufferEncoding | ReadFileOptions = {},
  ): Promise<string | Buffer> {
    const own: ReadFileOptions = typeof options === 'string' ? { encoding: options } : options;
    const { encoding, maxBytes = DEFAULT_MAX_BYTES, signal } = own;
    const request = { path: this.#path(path, 'open'), maxBytes, signal };
    const bytes = await readWhole(this.#session, request);
    return encoding === undefined || encoding === null ? bytes : bytes.toString(encoding);
  }

  /** Writes a file and makes it when it is missing. Not atomic: write another and rename it for that. */
  async writeFile(
    path: FilesPath,
    data: FileContent,
    options: BufferEncoding | WriteFileOptions = {},
  ): Promise<void> {
    const own: WriteFileOptions = typeof options === 'string' ? { encoding: options } : options;
    const { mode = DEFAULT_FILE_MODE, flag = 'w', encoding = 'utf8', signal } = own;
    const bits = openBits(flag);
    const request = { path: this.#path(path, 'open'), bits, mode, encoding, signal };
    await writeWhole(this.#session, data, request);
  }

  /** Appends to a file, and makes it when it is missing. */
  appendFile(
    path: FilesPath,
    data: FileContent,
    options: BufferEncoding | WriteFileOptions = {},
  ): Promise<void> {
    const own: WriteFileOptions = typeof options === 'string' ? { encoding: options } : options;
    return this.writeFile(path, data, { flag: 'a', ...own });
  }

  /** Streams a file out. It is opened with the first read, so errors come by the stream. */
  createReadStream(path: FilesPath, options: ReadStreamOptions = {}): Readable {
    const { encoding, signal, ...range } = options;
    const stream = readStream(async () => this.#openFile(path, FILES_OPEN.READ, { signal }), range);
    if (encoding !== undefined) stream.setEncoding(encoding);
    return stream;
  }

  /** Streams a file in. It is written and closed at `finish`. Errors come by the stream. */
  createWriteStream(path: FilesPath, options: WriteStreamOptions = {}): Writable {
    const { flag = 'w', mode, start, signal } = options;
    return new FileWriteStream(
      async () => this.#openFile(path, openBits(flag), { mode, signal }),
      start,
    );
  }

  /**
   * Opens a file for reads and writes at any position. Close the handle: 1,024 files can be open at once, and the streams
   * and calls under way have theirs among them.
   * @param flag  Or bits of `fs.constants`: O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC.
   * @param mode  Permission bits of a new file, before the umask 0o022.
   */
  async open(
    path: FilesPath,
    flag: FileFlag | number = 'r',
    mode: number = DEFAULT_FILE_MODE,
    options: FileOptions = {},
  ): Promise<GuestFileHandle> {
    return new GuestFileHandle(await this.#openFile(path, openBits(flag), { ...options, mode }));
  }

  /** Lists a directory, at most 200,000 entries, in no order. @throws {GondolinError} FILES_TOO_LARGE for more. */
  async listDir(path: FilesPath, options: FileOptions = {}): Promise<GuestEntry[]> {
    const request = { path: this.#path(path, 'scandir'), attributes: true, ...options };
    const entries: GuestEntry[] = [];
    for (const { name, attributes } of await collectEntries(this.#session, request))
      if (attributes !== null) entries.push(new GuestEntry(name, attributes));
    return entries;
  }

  /** Returns the names in a directory, at most 200,000, in no order. Cheaper than `listDir`. */
  async readdir(path: FilesPath, options: FileOptions = {}): Promise<string[]> {
    const request = { path: this.#path(path, 'scandir'), attributes: false, ...options };
    const entries = await collectEntries(this.#session, request);
    return entries.map(({ name }) => name.toString('utf8'));
  }

  /** Returns what a path leads to. */
  stat(path: FilesPath, options: FileOptions = {}): Promise<GuestStats> {
    return this.#stat(path, true, options);
  }

  /** Like `stat`, but does not follow a symbolic link at `path`. */
  lstat(path: FilesPath, options: FileOptions = {}): Promise<GuestStats> {
    return this.#stat(path, false, options);
  }

  async #stat(path: FilesPath, follow: boolean, options: FileOptions): Promise<GuestStats> {
    return new GuestStats(await this.#names.stat(path, follow, options));
  }

  /** Resolves if this user has the access; else rejects. @param mode  `fs.constants` R_OK, W_OK, X_OK. @default F_OK */
  access(path: FilesPath, mode = 0, options: FileOptions = {}): Promise<void> {
    return this.#names.access(path, mode, options);
  }

  /** Makes a directory. */
  async mkdir(path: FilesPath, options: MkdirOptions = {}): Promise<void> {
    const { recursive: parents = false, mode = DEFAULT_DIRECTORY_MODE } = options;
    await this.#names.makeDirectory(path, { mode, parents }, options);
  }

  /** Gives a file or directory another name; a file that has it is replaced. */
  async rename(from: FilesPath, to: FilesPath, options: FileOptions = {}): Promise<void> {
    await this.#names.pair('RENAME', from, to, options);
  }

  /** Gives a file a second name. */
  async link(existing: FilesPath, path: FilesPath, options: FileOptions = {}): Promise<void> {
    await this.#names.pair('LINK', existing, path, options);
  }

  /** Makes a symbolic link at `path`. @param target  Its text, which need not lead anywhere. */
  async symlink(target: FilesPath, path: FilesPath, options: FileOptions = {}): Promise<void> {
    await this.#names.symlink(target, path, options);
  }

  /** Returns the text of a symbolic link. Untrusted. */
  async readlink(path: FilesPath, options: FileOptions = {}): Promise<string> {
    return this.#names.readPath('READLINK', path, options);
  }

  /** Returns the absolute path without symbolic links. `realpath('.')` is where relative paths start. */
  async realpath(path: FilesPath, options: FileOptions = {}): Promise<string> {
    return this.#names.readPath('REALPATH', path, options);
  }

  /** Deletes a file, a symbolic link or an empty directory; with `recursive`, a directory with its content. */
  delete(path: FilesPath, options: DeleteOptions = {}): Promise<void> {
    return this.#names.delete(path, options);
  }

  /** Deletes an empty directory. @throws {GondolinError} ENOTDIR, ENOTEMPTY, … */
  async rmdir(path: FilesPath, options: FileOptions = {}): Promise<void> {
    await this.#names.remove('DIRECTORY', path, options);
  }

  /** @param mode  Permission bits, 0..0o7777. */
  chmod(path: FilesPath, mode: number, options: FileOptions = {}): Promise<void> {
    return this.#names.set('chmod', path, { mode: mode & 0o7777 }, options);
  }

  chown(path: FilesPath, uid: number, gid: number, options: FollowOptions = {}): Promise<void> {
    return this.#names.set('chown', path, { owner: { uid, gid } }, options);
  }

  utimes(
    path: FilesPath,
    atime: FileTime,
    mtime: FileTime,
    options: FollowOptions = {},
  ): Promise<void> {
    const change = { atimeNs: toNs(atime), mtimeNs: toNs(mtime) };
    return this.#names.set('utimes', path, change, options);
  }

  /** Cuts a file, or fills it with zeros, to `size` bytes. */
  truncate(path: FilesPath, size = 0, options: FileOptions = {}): Promise<void> {
    return this.#names.set('truncate', path, { size }, options);
  }

  /** Returns the size and free space of the file system of a path. */
  statfs(path: FilesPath, options: FileOptions = {}): Promise<GuestSpace> {
    return this.#names.space(path, options);
  }

  /**
   * Copies a file or a directory of the host, with all below it, to a path of the guest, with permissions, times and
   * symbolic links. Everything belongs to this user. A directory that exists is filled; files in it are overwritten. Links of the host are copied, not
   * followed, except at `hostPath` itself.
   * @throws {GondolinError} FILES_COPY_FAILED, FILES_TOO_LARGE.
   */
  async copyIn(
    hostPath: string,
    path: FilesPath,
    options: CopyInOptions = {},
  ): Promise<CopySummary> {
    const { copyIn } = await import('./copy/copy-in.ts');
    return copyIn(this.#session, hostPath, this.#path(path, 'copyIn'), options);
  }

  /**
   * Copies a file or a directory of the guest, with all below it, to a path of the host, with permissions, times and symbolic
   * links; the host's user owns everything, and nothing gets set-user-ID. Its parent directory must exist. Files that exist are
   * replaced. Whatever the guest says, no name leaves the target and no link is followed there; but a link that was copied may
   * lead anywhere, so do not follow those of an untrusted guest. Sockets, FIFOs and devices are skipped.
   * @throws {GondolinError} FILES_COPY_FAILED, FILES_TOO_LARGE.
   */
  async copyOut(
    path: FilesPath,
    hostPath: string,
    options: CopyOptions = {},
  ): Promise<CopySummary> {
    const { copyOut } = await import('./copy/copy-out.ts');
    return copyOut(this.#session, this.#path(path, 'copyOut'), hostPath, options);
  }

  /** @internal The same, below a place that is open. Symbolic links are skipped. */
  async copyOutTo(path: FilesPath, place: HostPlace, options: CopyOptions): Promise<CopySummary> {
    const { copyOutTo } = await import('./copy/copy-out.ts');
    return copyOutTo(this.#session, this.#path(path, 'copyOut'), place, options);
  }

  /**
   * Streams a file or a directory, with all below it, as a tar archive (pax), as `docker cp VM:PATH -` does. Its names begin with
   * the last part of `path`; times are whole seconds, owners root, and nothing has set-user-ID. A symbolic link at `path` itself is
   * followed. Names are the guest's word: whoever extracts the archive must treat it as any from a stranger. Errors come by the stream.
   * @throws {GondolinError} FILES_CHANGED, FILES_TOO_LARGE.
   */
  readArchive(path: FilesPath, options: CopyOptions = {}): Readable {
    const chunks = this.archiveChunks(path, options);
    return Readable.from(chunks, { objectMode: false, highWaterMark: 1 });
  }

  /** @internal The same as chunks, in another form. */
  async *archiveChunks(
    path: FilesPath,
    options: CopyOptions,
    form?: ArchiveForm,
  ): AsyncGenerator<Buffer, void> {
    const { archiveOut } = await import('./copy/archive-out.ts');
    yield* archiveOut(this.#session, this.#path(path, 'readArchive'), options, form);
  }

  /**
   * Unpacks a tar archive (ustar, pax or GNU, uncompressed) in a directory of the guest, which must exist. Everything belongs to this
   * user; files that exist are overwritten, and what is missing of a name's directories is made. No name leads out of the directory, by
   * `..` or by a symbolic link of the archive; a leading slash is dropped. Devices and FIFOs are skipped, set-user-ID is dropped.
   * @throws {GondolinError} FILES_BAD_ARCHIVE, FILES_TOO_LARGE; the error of `archive`.
   */
  async writeArchive(
    path: FilesPath,
    archive: AsyncIterable<Uint8Array>,
    options: CopyOptions = {},
  ): Promise<CopySummary> {
    const { archiveIn } = await import('./copy/archive-in.ts');
    return archiveIn(this.#session, archive, this.#path(path, 'writeArchive'), options);
  }

  /**
   * Returns the paths that match a pattern such as `/workspace/src/**\/*.ts`, sorted. Symbolic links to directories are not
   * followed. A relative pattern gives relative paths.
   * @throws {GondolinError} FILES_TOO_LARGE for more than 200,000 entries.
   */
  async glob(pattern: string, options: GlobOptions = {}): Promise<string[]> {
    const { glob } = await import('./glob.ts');
    return glob(this.#session, pattern, (path) => this.#path(path, 'scandir'), options);
  }

  #path(path: FilesPath, syscall: string): FilesPath {
    return guestPath(path, this.#cwd, syscall);
  }

  #openFile(
    path: FilesPath,
    bits: number,
    { mode = DEFAULT_FILE_MODE, signal }: FileOptions & { readonly mode?: number | undefined },
  ): Promise<OpenGuestFile> {
    const request = { path: this.#path(path, 'open'), bits, mode: mode & 0o7777, signal };
    return OpenGuestFile.open(this.#session, request);
  }
}
