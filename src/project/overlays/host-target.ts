import { type BigIntStats, closeSync, constants, fstatSync, promises, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { descriptorPath, openAt, readLink } from '../../host/libc.ts';
import { O_CLOEXEC, O_PATH } from '../../vfs/file-mode.ts';
import { stampText } from '../../vfs/overlay/lower-stamp.ts';
import type { AttributeSet } from '../../vfs/real/attributes/attribute-set.ts';
import {
  hasUserAttributes,
  readHostAttributes,
} from '../../vfs/real/attributes/host-attributes.ts';
import { HostPlace } from '../../vm/files/copy/host-place.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
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

/** Returns what counts of a file. */
export function describe(stats: BigIntStats): HostFile {
  const { ino, mtimeNs, ctimeNs } = stats;
  const [mode, sizeBytes] = [Number(stats.mode), Number(stats.size)];
  const stamp = stampText({ mode, sizeBytes, mtimeNs, ctimeNs, ino });
  return { kind: kindOf(stats), mode: mode & 0o777, stamp, sizeBytes };
}

/** Returns the name of the errno of a failed call on the host; undefined for other errors. */
export function failedErrno(error: unknown): unknown {
  return GondolinError.is(error) ? error.details?.['errno'] : undefined;
}

/**
 * The host directory of a volume by path. No symbolic link below it is followed, whoever puts one there meanwhile. Paths
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

  /** Returns the place of a path, of which nothing is opened yet. */
  place(path: string): HostPlace {
    return path
      .split('/')
      .reduce((place, name) => place.below(Buffer.from(name, 'latin1')), this.#top);
  }

  /** Calls `use` with the file as it is now, which may not be opened for reading. */
  async withFile<T>(
    path: string,
    use: (fd: number, stats: BigIntStats) => T | Promise<T>,
  ): Promise<T> {
    return this.place(path).inParent(async (directory, name) => {
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
      return await this.withFile(path, (_fd, stats) => describe(stats));
    } catch (error) {
      const errno = failedErrno(error);
      if (errno === 'ENOENT') return 'missing';
      if (errno === 'ENOTDIR' || errno === 'ELOOP') return 'blocked';
      throw error;
    }
  }

  /** Names of a directory. */
  async names(path: string): Promise<string[]> {
    return this.place(path).inside((fd) => {
      const names = readdirSync(descriptorPath(fd), { encoding: 'buffer' });
      return names.map((name) => name.toString('latin1'));
    });
  }

  async linkTarget(path: string): Promise<string> {
    return this.withFile(path, (fd) => readLink(fd).toString('latin1'));
  }

  /** Whether a regular file of the host has the same bytes as a file of this program. */
  async hasContent(path: string, contentPath: string): Promise<boolean> {
    return this.withFile(path, async (fd, stats) => {
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
    return this.withFile(path, async (fd, stats) => {
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

  /** Returns the extended attributes that a guest sees of a file or directory. */
  async attributes(path: string): Promise<AttributeSet> {
    return this.withFile(path, (fd) => readHostAttributes(fd));
  }

  /** Whether a file that is made at a path can have extended attributes, also below directories that are missing. */
  async keepsAttributes(path: string): Promise<boolean> {
    try {
      return await this.place(path).inParent((directory) => hasUserAttributes(directory));
    } catch (error) {
      const errno = failedErrno(error);
      const parent = posix.dirname(path);
      // A file may be where the guest has made a directory.
      if (parent === '.' || (errno !== 'ENOENT' && errno !== 'ENOTDIR')) throw error;
      return this.keepsAttributes(parent);
    }
  }
}
