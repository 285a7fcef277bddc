import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  promises,
  read,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { descriptorPath, openAt, readLink } from '../../../host/libc.ts';
import { FILES_OPEN, MAX_FILES_DATA_BYTES } from '../../../protocol/constants.ts';
import type { FilesChange, FilesPath } from '../../../protocol/files/files-request.ts';
import { O_CLOEXEC, O_PATH } from '../../../vfs/file-mode.ts';
import { decodeNothing } from '../decode.ts';
import type { FilesSession } from '../files-session.ts';
import { OpenGuestFile } from '../open-file.ts';
import { sendFile } from '../whole-file.ts';
import { changeRequester } from './change-requester.ts';
import { CopyCount, type CopyInOptions, type CopySummary } from './copy-options.ts';
import { HostPlace } from './host-place.ts';
import { runJobs } from './job-queue.ts';
import { LinkNames } from './link-names.ts';

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const readAt = promisify(read);

interface Job {
  readonly place: HostPlace;
  readonly path: FilesPath;
  /** Path below the source; empty for the source itself. */
  readonly relative: string;
}

interface MadeDirectory {
  readonly path: FilesPath;
  readonly change: FilesChange;
}

/** The first copy of a file of the host that has several names. */
interface FirstCopy {
  readonly path: FilesPath;
  readonly made: Promise<void>;
}

/** Errors of a `LINK` where the guest has no hard link for this place: the file is copied again. */
const UNLINKABLE: ReadonlySet<string> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP']);

/** Errors of an `OPEN` whose cause goes away when the name does: a symbolic link, a running program. */
const REPLACEABLE: ReadonlySet<string> = new Set(['ELOOP', 'ETXTBSY']);

/** Copies a file or tree of the host into the guest. Everything belongs to the guest's user. */
class CopyIn {
  readonly #session: FilesSession;
  readonly #signal: AbortSignal | undefined;
  readonly #request: ReturnType<typeof changeRequester>;
  readonly #count: CopyCount;
  readonly #filter: CopyInOptions['filter'];
  readonly #directories: MadeDirectory[] = [];
  readonly #links = new LinkNames<FirstCopy>();

  constructor(session: FilesSession, options: CopyInOptions) {
    this.#session = session;
    this.#signal = options.signal;
    this.#request = changeRequester(session, options.signal);
    this.#count = new CopyCount(options);
    this.#filter = options.filter;
  }

  async run(job: Job): Promise<CopySummary> {
    await runJobs(job, (next, add) => this.#copy(next, add));
    // Last and deepest first: a directory that may not be written or entered has all its content by now.
    for (const { path, change } of this.#directories.reverse()) await this.#finish(path, change);
    return this.#count.summary;
  }

  /** Opens what the place is now, and copies that: another process may put a symbolic link there meanwhile. */
  async #copy(job: Job, add: (job: Job) => void): Promise<void> {
    await job.place.inParent(async (directory, name) => {
      const fd = openAt(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
      try {
        const stats = fstatSync(fd, { bigint: true });
        if (stats.isDirectory()) await this.#copyDirectory(job, fd, stats, add);
        else if (stats.isSymbolicLink()) await this.#copyLink(job.path, readLink(fd));
        else if (stats.isFile()) await this.#copyFile(job.path, fd, stats);
        else this.#count.add('skipped');
      } finally {
        closeSync(fd);
      }
    });
  }

  async #copyDirectory(
    { place, path, relative }: Job,
    fd: number,
    stats: BigIntStats,
    add: (job: Job) => void,
  ): Promise<void> {
    this.#count.add('directories');
    const bits = FILES_OPEN.READ | FILES_OPEN.DIRECTORY | (place.isTop ? 0 : FILES_OPEN.NOFOLLOW);
    const [session, signal] = [this.#session, this.#signal];
    const client = await session.client();
    const made = session.explained(
      client.request(
        { type: 'MKDIR', path, mode: 0o700, parents: false },
        { action: { syscall: 'mkdir', path }, decode: decodeNothing, signal },
      ),
    );
    // Opened with the same turn of the channel, to find out whether a link has the name.
    const directory = new OpenGuestFile(session, client, { path, bits, mode: 0, signal });
    void directory.discard();
    await made.catch(passOver('EEXIST'));
    await directory.opened;
    this.#directories.push({ path, change: changeOf(stats) });
    for (const { name, inside } of await this.#list(fd, relative)) {
      const below = Buffer.concat([Buffer.from(path), Buffer.from('/'), name]);
      add({ place: place.below(name), path: below, relative: inside });
    }
  }

  /** Lists the entries of a directory that the filter lets pass. */
  async #list(fd: number, relative: string): Promise<{ name: Buffer; inside: string }[]> {
    const path = descriptorPath(fd);
    const entries = await promises.readdir(path, { encoding: 'buffer', withFileTypes: true });
    const found = entries.flatMap((entry) => {
      const inside = join(relative, entry.name.toString());
      const isCopied = this.#filter?.(inside, entry.isDirectory()) ?? true;
      return isCopied ? [{ name: entry.name, inside }] : [];
    });
    this.#count.addListed(found.length);
    return found;
  }

  async #copyLink(path: FilesPath, target: Buffer): Promise<void> {
    this.#count.add('links');
    const link = { type: 'SYMLINK', path: Buffer.from(target), other: path } as const;
    await this.#makeName('symlink', path, link);
  }

  /** Makes a link, and replaces what has the name unless that is a directory. */
  async #makeName(
    syscall: 'symlink' | 'link',
    path: FilesPath,
    request: Parameters<FilesSession['request']>[0],
  ): Promise<void> {
    await this.#request(syscall, path, request).catch(async (error: unknown) => {
      passOver('EEXIST')(error);
      await this.#request('unlink', path, { type: 'REMOVE', path, kind: 'FILE' });
      await this.#request(syscall, path, request);
    });
  }

  async #copyFile(path: FilesPath, pathFd: number, stats: BigIntStats): Promise<void> {
    this.#count.add('files');
    let own: Promise<void> | undefined;
    const first = this.#links.earlier(stats, path.length, () => {
      own = this.#copyContent(path, pathFd, stats);
      return { path, made: own };
    });
    if (first !== null && (await this.#linked(path, first))) return;
    await (own ?? this.#copyContent(path, pathFd, stats));
  }

  /** Makes a second name of a copy. Returns false where the guest cannot. */
  async #linked(path: FilesPath, first: FirstCopy): Promise<boolean> {
    await first.made;
    try {
      await this.#makeName('link', path, { type: 'LINK', path: first.path, other: path });
      return true;
    } catch (error) {
      if (!GondolinError.is(error) || !UNLINKABLE.has(error.code)) throw error;
      return false;
    }
  }

  async #copyContent(path: FilesPath, pathFd: number, stats: BigIntStats): Promise<void> {
    const fd = openSync(descriptorPath(pathFd), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    try {
      await this.#write(path, fd, stats);
    } catch (error) {
      if (!GondolinError.is(error) || !REPLACEABLE.has(error.code)) throw error;
      await this.#request('unlink', path, { type: 'REMOVE', path, kind: 'FILE' });
      await this.#write(path, fd, stats);
    } finally {
      closeSync(fd);
    }
  }

  async #write(path: FilesPath, fd: number, stats: BigIntStats): Promise<void> {
    const { WRITE, CREATE, TRUNCATE, NOFOLLOW } = FILES_OPEN;
    const bits = WRITE | CREATE | TRUNCATE | NOFOLLOW;
    const request = { path, bits, mode: 0o600, signal: this.#signal };
    await sendFile(this.#session, request, async (file, window) => {
      const buffer = Buffer.allocUnsafe(Math.min(MAX_FILES_DATA_BYTES, Number(stats.size) + 1));
      for (let offset = 0; ; ) {
        const { bytesRead } = await readAt(fd, buffer, 0, buffer.length, offset);
        if (bytesRead === 0) break;
        this.#count.addBytes(bytesRead);
        await window.add(file.write(offset, buffer.subarray(0, bytesRead)));
        offset += bytesRead;
        if (bytesRead < buffer.length) break;
      }
      await window.add(file.set(changeOf(stats), 'fchmod'));
    });
  }

  async #finish(path: FilesPath, change: FilesChange): Promise<void> {
    const target = { path, follow: true };
    await this.#request('chmod', path, { type: 'SET', target, change });
  }
}

function changeOf({ mode, mtimeNs, atimeNs }: BigIntStats): FilesChange {
  return { mode: Number(mode) & 0o777, mtimeNs, atimeNs };
}

function passOver(code: string): (error: unknown) => void {
  return (error) => {
    if (!GondolinError.is(error) || error.code !== code) throw error;
  };
}

/** @see GuestFileSystem.copyIn */
export async function copyIn(
  session: FilesSession,
  hostPath: string,
  path: FilesPath,
  options: CopyInOptions,
): Promise<CopySummary> {
  const place = HostPlace.open(hostPath, { follow: true });
  try {
    return await new CopyIn(session, options).run({ place, path, relative: '' });
  } finally {
    place.close();
  }
}
