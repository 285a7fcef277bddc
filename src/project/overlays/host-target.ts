import { randomBytes } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  promises,
  readdirSync,
} from 'node:fs';
import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  descriptorPath,
  makeDirectoryAt,
  openAt,
  readLink,
  removeDirectoryAt,
  renameAt,
  setTimes,
  symlinkAt,
  unlinkAt,
} from '../../host/libc.ts';
import { stampText } from '../../vfs/overlay/lower-stamp.ts';
import { HostPlace } from '../../vm/files/copy/host-place.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const CHUNK_BYTES = 1024 * 1024;

/** A file of the host at a path. */
export interface HostFile {
  readonly kind: 'file' | 'directory' | 'symlink' | 'special';
  readonly mode: number;
  readonly stamp: string;
  readonly sizeBytes: number;
}

/** `blocked`: a symbolic link or a file is where the path has a directory. */
export type HostState = HostFile | 'missing' | 'blocked';

function kindOf(stats: BigIntStats): HostFile['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'special';
}

function describe(stats: BigIntStats): HostFile {
  const { ino, mtimeNs, ctimeNs } = stats;
  const [mode, sizeBytes] = [Number(stats.mode), Number(stats.size)];
  const stamp = stampText({ mode, sizeBytes, mtimeNs, ctimeNs, ino });
  return { kind: kindOf(stats), mode: mode & 0o777, stamp, sizeBytes };
}

function errnoOf(error: unknown): unknown {
  return GondolinError.is(error) ? error.details?.['errno'] : undefined;
}

/** Replacing one name of a file with several changes the inode that the others have. */
function withoutCtime(stamp: string): string {
  return stamp.split(':').slice(0, 4).join(':');
}

/** The content that a file is to have. */
export interface NewFile {
  /** File of this program with the content. */
  readonly contentPath: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

/**
 * The host directory of a volume, for changes by path. No symbolic link below it is followed, whoever puts one there meanwhile. Paths
 * are `latin1` text.
 */
export class HostTarget {
  readonly #top: HostPlace;

  /** @throws {GondolinError} FILES_COPY_FAILED when it is not there. */
  constructor(directory: string) {
    this.#top = HostPlace.open(directory, { follow: true });
  }

  close(): void {
    this.#top.close();
  }

  #place(path: string): HostPlace {
    return path
      .split('/')
      .reduce((place, name) => place.below(Buffer.from(name, 'latin1')), this.#top);
  }

  /** Calls `use` with the file as it is now, which may not be opened for reading. */
  async #withFile<T>(
    path: string,
    use: (fd: number, stats: BigIntStats) => T | Promise<T>,
  ): Promise<T> {
    return this.#place(path).inParent(async (directory, name) => {
      const fd = openAt(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
      try {
        return await use(fd, fstatSync(fd, { bigint: true }));
      } finally {
        closeSync(fd);
      }
    });
  }

  async state(path: string): Promise<HostState> {
    try {
      return await this.#withFile(path, (_fd, stats) => describe(stats));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return 'missing';
      if (errno === 'ENOTDIR' || errno === 'ELOOP') return 'blocked';
      throw error;
    }
  }

  /** Names of a directory. */
  async names(path: string): Promise<string[]> {
    return this.#place(path).inside((fd) => {
      const names = readdirSync(descriptorPath(fd), { encoding: 'buffer' });
      return names.map((name) => name.toString('latin1'));
    });
  }

  async linkTarget(path: string): Promise<string> {
    return this.#withFile(path, (fd) => readLink(fd).toString('latin1'));
  }

  /** Whether a regular file of the host has the same bytes as a file of this program. */
  async hasContent(path: string, contentPath: string): Promise<boolean> {
    return this.#withFile(path, async (fd, stats) => {
      if (!stats.isFile()) return false;
      const flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
      const own = await promises.open(descriptorPath(fd), flags);
      const other = await promises.open(contentPath, O_RDONLY);
      try {
        const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
        for (let at = 0; ; ) {
          const a = await own.read(left, 0, CHUNK_BYTES, at);
          const b = await other.read(right, 0, CHUNK_BYTES, at);
          if (a.bytesRead !== b.bytesRead) return false;
          if (!left.subarray(0, a.bytesRead).equals(right.subarray(0, a.bytesRead))) return false;
          if (a.bytesRead === 0) return true;
          at += a.bytesRead;
        }
      } finally {
        await own.close();
        await other.close();
      }
    });
  }

  /** Returns the beginning of a regular file; empty for anything else. */
  async read(path: string, maxBytes: number): Promise<Buffer> {
    return this.#withFile(path, async (fd, stats) => {
      if (!stats.isFile()) return Buffer.alloc(0);
      const file = await promises.open(descriptorPath(fd), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      try {
        const bytes = Math.min(maxBytes, Number(stats.size));
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(bytes), 0, bytes, 0);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    });
  }

  /** @throws {GondolinError} PROJECT_OVERLAY_CONFLICT when the host has another file there than was seen. */
  #assertSame(directory: number, name: string, path: string, seen: HostState): void {
    let now: string;
    try {
      const fd = openAt(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
      try {
        now = describe(fstatSync(fd, { bigint: true })).stamp;
      } finally {
        closeSync(fd);
      }
    } catch {
      now = 'missing';
    }
    const wanted = typeof seen === 'string' ? 'missing' : seen.stamp;
    if (withoutCtime(now) === withoutCtime(wanted)) return;
    const shown = Buffer.from(path, 'latin1').toString();
    throw new GondolinError(
      'PROJECT_OVERLAY_CONFLICT',
      `${shown}: the host changed it while changes were applied`,
    );
  }

  /** Makes a name lead to what `make` puts there: under a name of its own first, so that nobody sees a part of it. */
  async #put(
    path: string,
    seen: HostState,
    make: (directory: number, name: string) => Promise<void>,
  ): Promise<void> {
    await this.#place(path).inParent(async (directory, name) => {
      const temporary = `.gondolin-apply-${randomBytes(8).toString('hex')}`;
      try {
        await make(directory, temporary);
        this.#assertSame(directory, name, path, seen);
        renameAt(directory, temporary, directory, name, 0);
      } catch (error) {
        removeQuietly(directory, temporary);
        throw error;
      }
    });
  }

  async putFile(
    path: string,
    seen: HostState,
    { contentPath, mode, mtimeNs }: NewFile,
  ): Promise<void> {
    await this.#put(path, seen, async (directory, name) => {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
      const file = await promises.open(`${descriptorPath(directory)}/${name}`, flags, 0o600);
      const source = await promises.open(contentPath, O_RDONLY);
      try {
        for await (const part of source.createReadStream({ autoClose: false })) {
          await file.writeFile(part as Buffer);
        }
        fchmodSync(file.fd, mode);
        setTimes(file.fd, null, mtimeNs);
      } finally {
        await source.close();
        await file.close();
      }
    });
  }

  async putLink(path: string, seen: HostState, target: string): Promise<void> {
    await this.#put(path, seen, async (directory, name) => symlinkAt(target, directory, name));
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#place(path).inParent((directory, name) => makeDirectoryAt(directory, name, 0o755));
  }

  async setDirectoryMode(path: string, mode: number): Promise<void> {
    await this.#place(path).inside((fd) => fchmodSync(fd, mode));
  }

  /** Deletes a file that is still what was seen, or an empty directory. */
  async remove(path: string, seen: HostFile): Promise<void> {
    await this.#place(path).inParent((directory, name) => {
      if (seen.kind === 'directory') {
        removeDirectoryAt(directory, name);
        return;
      }
      this.#assertSame(directory, name, path, seen);
      unlinkAt(directory, name);
    });
  }
}

/** Removes a name that may be gone or never have been there: the error before is the one to report. */
function removeQuietly(directory: number, name: string): void {
  try {
    unlinkAt(directory, name);
  } catch {
    // Nothing of that name.
  }
}
