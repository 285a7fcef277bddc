import { constants } from 'node:fs';
import { posix } from 'node:path';
import type { SshFiles, SshPath, SshStats } from '../ssh-guest.ts';
import { SftpHandles } from './handles.ts';
import { longName } from './long-name.ts';
import {
  type ClientAttributes,
  type NamedFile,
  type PacketReader,
  REQUEST,
  reply,
  STATUS,
} from './packets.ts';

/** Bytes of one READ and of one WRITE, as OpenSSH has them. */
const MAX_DATA_BYTES = 255 * 1024;
const PFLAG = { READ: 1, WRITE: 2, APPEND: 4, CREAT: 8, TRUNC: 16, EXCL: 32 };
const DEFAULT_FILE_MODE = 0o666;
const DEFAULT_DIRECTORY_MODE = 0o777;
const DIRECTORY_TYPE = 0o040000;

/** Extensions of OpenSSH that its clients use. */
export const EXTENSIONS = [
  ['posix-rename@openssh.com', '1'],
  ['hardlink@openssh.com', '1'],
  ['fsync@openssh.com', '1'],
  ['lsetstat@openssh.com', '1'],
  ['limits@openssh.com', '1'],
] as const;

/** A failure with a status of its own. */
class StatusError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Returns the O_… bits of the flags of OPEN. */
function sftpOpenFlags(pflags: number): number {
  const has = (flag: number) => (pflags & flag) !== 0;
  const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_EXCL } = constants;
  const access = has(PFLAG.WRITE) ? (has(PFLAG.READ) ? O_RDWR : O_WRONLY) : O_RDONLY;
  return (
    access |
    (has(PFLAG.APPEND) ? O_APPEND : 0) |
    (has(PFLAG.CREAT) ? O_CREAT : 0) |
    (has(PFLAG.TRUNC) ? O_TRUNC : 0) |
    (has(PFLAG.EXCL) ? O_EXCL : 0)
  );
}

/** Turns an error of the guest's files into a status. Its text is untrusted. */
export function statusReply(id: number, error: unknown): Buffer {
  const { code, message = '' } = error as { code?: string; message?: string };
  if (error instanceof StatusError) return reply.status(id, error.status, error.message);
  if (code === 'ENOENT') return reply.status(id, STATUS.NO_SUCH_FILE, 'No such file or directory');
  if (code === 'EACCES' || code === 'EPERM') {
    return reply.status(id, STATUS.PERMISSION_DENIED, 'Permission denied');
  }
  return reply.status(id, STATUS.FAILURE, `${code ?? 'failed'}: ${message}`.slice(0, 500));
}

function seconds(time: number): Date {
  return new Date(time * 1000);
}

function isDirectory({ mode }: SshStats): boolean {
  return (mode & 0o170000) === DIRECTORY_TYPE;
}

type Serve = (id: number, body: PacketReader) => Promise<Buffer>;

/** Requests that may be under way together: each says which bytes it means. */
export function isTransfer(type: number): boolean {
  return type === REQUEST.READ || type === REQUEST.WRITE;
}

/** Serves the requests of one SFTP client by the guest's files. */
export class SftpRequests {
  readonly #files: SshFiles;
  readonly #handles = new SftpHandles();
  readonly #byType: ReadonlyMap<number, Serve>;

  constructor(files: SshFiles) {
    this.#files = files;
    const done = (serve: (body: PacketReader) => Promise<void>): Serve => {
      return async (id, body) => {
        await serve(body);
        return reply.status(id, STATUS.OK, 'Success');
      };
    };
    const stats = (read: (body: PacketReader) => Promise<SshStats>): Serve => {
      return async (id, body) => reply.attributes(id, await read(body));
    };
    this.#byType = new Map<number, Serve>([
      [REQUEST.OPEN, (id, body) => this.#open(id, body)],
      [REQUEST.CLOSE, done((body) => this.#handles.close(body.bytes()))],
      [REQUEST.READ, (id, body) => this.#read(id, body)],
      [REQUEST.WRITE, done((body) => this.#write(body))],
      [REQUEST.LSTAT, stats((body) => files.lstat(body.path()))],
      [REQUEST.STAT, stats((body) => files.stat(body.path()))],
      [REQUEST.FSTAT, stats((body) => this.#handles.file(body.bytes()).stat())],
      [REQUEST.SETSTAT, done((body) => this.#setPath(body.path(), body.attributes(), true))],
      [REQUEST.FSETSTAT, done((body) => this.#setHandle(body.bytes(), body.attributes()))],
      [REQUEST.OPENDIR, (id, body) => this.#openDirectory(id, body.path())],
      [REQUEST.READDIR, (id, body) => this.#readDirectory(id, body.bytes())],
      [REQUEST.REMOVE, done((body) => this.#remove(body.path()))],
      [REQUEST.MKDIR, done((body) => this.#mkdir(body.path(), body.attributes()))],
      [REQUEST.RMDIR, done((body) => files.rmdir(body.path()))],
      [REQUEST.REALPATH, async (id, body) => nameReply(id, await this.#realpath(body.path()))],
      [REQUEST.RENAME, done((body) => this.#rename(body.path(), body.path()))],
      [REQUEST.READLINK, async (id, body) => nameReply(id, await files.readlink(body.path()))],
      // OpenSSH sends the target first, against the draft; everybody follows.
      [REQUEST.SYMLINK, done((body) => files.symlink(body.path(), body.path()))],
      [REQUEST.EXTENDED, (id, body) => this.#extended(id, body)],
    ]);
  }

  /** Returns the reply. @throws {PacketError} for a body that is not of its form. */
  async serve(type: number, id: number, body: PacketReader): Promise<Buffer> {
    const serve = this.#byType.get(type);
    if (serve === undefined) return reply.status(id, STATUS.OP_UNSUPPORTED, 'Not supported');
    return serve(id, body);
  }

  closeAll(): Promise<void> {
    return this.#handles.closeAll();
  }

  async #open(id: number, body: PacketReader): Promise<Buffer> {
    const path = body.path();
    const flags = sftpOpenFlags(body.u32());
    const { mode = DEFAULT_FILE_MODE } = body.attributes();
    this.#checkRoom();
    return reply.handle(id, this.#handles.addFile(await this.#files.open(path, flags, mode)));
  }

  #checkRoom(): void {
    if (this.#handles.isFull) throw new StatusError(STATUS.FAILURE, 'too many open files');
  }

  async #read(id: number, body: PacketReader): Promise<Buffer> {
    const file = this.#handles.file(body.bytes());
    const offset = body.u64();
    const data = await file.read(offset, Math.min(body.u32(), MAX_DATA_BYTES));
    if (data.length > 0) return reply.data(id, data);
    return reply.status(id, STATUS.EOF, 'End of file');
  }

  async #write(body: PacketReader): Promise<void> {
    const file = this.#handles.file(body.bytes());
    const offset = body.u64();
    await file.write(offset, body.bytes());
  }

  async #setPath(path: SshPath, change: ClientAttributes, follow: boolean): Promise<void> {
    const { size, mode, uid, gid, atime, mtime } = change;
    if (size !== undefined) await this.#files.truncate(path, size);
    // A symbolic link has no mode of its own.
    if (mode !== undefined && follow) await this.#files.chmod(path, mode);
    if (uid !== undefined && gid !== undefined) {
      await this.#files.chown(path, uid, gid, { follow });
    }
    if (atime !== undefined && mtime !== undefined) {
      await this.#files.utimes(path, seconds(atime), seconds(mtime), { follow });
    }
  }

  async #setHandle(handle: Buffer, change: ClientAttributes): Promise<void> {
    const file = this.#handles.file(handle);
    const { size, mode, uid, gid, atime, mtime } = change;
    if (size !== undefined) await file.truncate(size);
    if (mode !== undefined) await file.chmod(mode);
    if (uid !== undefined && gid !== undefined) await file.chown(uid, gid);
    if (atime !== undefined && mtime !== undefined) {
      await file.utimes(seconds(atime), seconds(mtime));
    }
  }

  async #openDirectory(id: number, path: SshPath): Promise<Buffer> {
    this.#checkRoom();
    const own = await this.#files.stat(path);
    const entries = await this.#files.listDir(path);
    const nowMs = Date.now();
    const named = (name: Uint8Array, stats: SshStats): NamedFile => {
      return { name, longName: longName(name, stats, nowMs), stats };
    };
    const dots = ['.', '..'].map((name) => named(Buffer.from(name), own));
    const rest = entries.map((entry) => named(entry.nameBytes, entry));
    return reply.handle(id, this.#handles.addDirectory([...dots, ...rest]));
  }

  async #readDirectory(id: number, handle: Buffer): Promise<Buffer> {
    const entries = this.#handles.entries(handle);
    return entries === null
      ? reply.status(id, STATUS.EOF, 'End of file')
      : reply.names(id, entries);
  }

  async #remove(path: SshPath): Promise<void> {
    if (isDirectory(await this.#files.lstat(path))) {
      throw new StatusError(STATUS.FAILURE, 'is a directory');
    }
    await this.#files.delete(path);
  }

  async #mkdir(path: SshPath, { mode = DEFAULT_DIRECTORY_MODE }: ClientAttributes): Promise<void> {
    await this.#files.mkdir(path, { mode });
  }

  /** The last part need not exist: clients ask where a new file would be. */
  async #realpath(path: SshPath): Promise<string> {
    try {
      return await this.#files.realpath(path);
    } catch (error) {
      const isMissing = (error as { code?: string }).code === 'ENOENT';
      if (!isMissing || typeof path !== 'string') throw error;
      const parent = await this.#files.realpath(posix.dirname(path));
      return posix.join(parent, posix.basename(path));
    }
  }

  /** RENAME of version 3 replaces nothing. */
  async #rename(from: SshPath, to: SshPath): Promise<void> {
    const found = await this.#files.lstat(to).catch((error: { code?: string }) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (found !== null) throw new StatusError(STATUS.FAILURE, 'the new name exists');
    await this.#files.rename(from, to);
  }

  async #extended(id: number, body: PacketReader): Promise<Buffer> {
    const name = body.text();
    switch (name) {
      case 'posix-rename@openssh.com':
        await this.#files.rename(body.path(), body.path());
        break;
      case 'hardlink@openssh.com':
        await this.#files.link(body.path(), body.path());
        break;
      case 'fsync@openssh.com':
        await this.#handles.file(body.bytes()).sync();
        break;
      case 'lsetstat@openssh.com':
        await this.#setPath(body.path(), body.attributes(), false);
        break;
      case 'limits@openssh.com':
        return reply.numbers(id, LIMITS);
      default:
        return reply.status(id, STATUS.OP_UNSUPPORTED, 'Not supported');
    }
    return reply.status(id, STATUS.OK, 'Success');
  }
}

/** Largest packet of a client; a longer one ends it. */
export const MAX_PACKET_BYTES = 256 * 1024;
const LIMITS = [MAX_PACKET_BYTES, MAX_DATA_BYTES, MAX_DATA_BYTES, 256].map(BigInt);

function nameReply(id: number, text: string): Buffer {
  return reply.names(id, [{ name: text, longName: text, stats: null }]);
}
