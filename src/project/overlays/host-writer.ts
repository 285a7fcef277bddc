import { randomBytes } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fchmodSync, fstatSync, promises } from 'node:fs';
import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  descriptorPath,
  linkDescriptorAt,
  makeDirectoryAt,
  openAt,
  removeDirectoryAt,
  renameAt,
  SystemError,
  setTimes,
  symlinkAt,
  unlinkAt,
} from '../../host/libc.ts';
import { errnoName } from '../../protocol/errno.ts';
import { O_CLOEXEC, O_PATH } from '../../vfs/file-mode.ts';
import type { AttributeSet } from '../../vfs/real/attributes/attribute-set.ts';
import { writeHostAttributes } from '../../vfs/real/attributes/host-attributes.ts';
import {
  describe,
  failedErrno,
  type HostFile,
  type HostState,
  type HostTarget,
} from './host-target.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
/** Errors of a file system that makes no such link: too many names, no links at all, or another file system. */
const NO_LINK: readonly unknown[] = ['EMLINK', 'EPERM', 'EXDEV', 'EOPNOTSUPP'];

/** Mode and extended attributes that a file or directory is to have. */
export interface NewRights {
  /** Permission bits as the guest sees them. */
  readonly mode: number;
  /** Null leaves those of a directory as they are, and gives a file none. */
  readonly attributes: AttributeSet | null;
}

/** The content that a file is to have. */
export interface NewFile extends NewRights {
  /** File of this program with the content. */
  readonly contentPath: string;
  readonly mtimeNs: bigint;
}

/** A file that was put at a path. */
export interface PutFile {
  readonly path: string;
  readonly identity: string;
}

/** Identity and content of a file. Replacing one name of a file with several changes the change time that the others have. */
function identityOf(stats: BigIntStats): string {
  return `${stats.dev}:${withoutCtime(describe(stats).stamp)}`;
}

function withoutCtime(stamp: string): string {
  return stamp.split(':').slice(0, 4).join(':');
}

function conflictAt(path: string): GondolinError {
  const shown = Buffer.from(path, 'latin1').toString();
  const message = `${shown}: the host changed it while changes were applied`;
  return new GondolinError('PROJECT_OVERLAY_CONFLICT', message);
}

/** @throws {GondolinError} PROJECT_OVERLAY_CONFLICT when the host has another file there than was seen. */
function assertSame(directory: number, name: string, path: string, seen: HostState): void {
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
  if (withoutCtime(now) !== withoutCtime(wanted)) throw conflictAt(path);
}

/** @throws {GondolinError} FILES_COPY_FAILED where the file system does not take the attributes. */
function setRights(fd: number, path: string, { mode, attributes }: NewRights): void {
  if (attributes === null) {
    fchmodSync(fd, mode);
    return;
  }
  try {
    writeHostAttributes(fd, attributes, mode);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const errno = errnoName(error.errno);
    const shown = Buffer.from(path, 'latin1').toString();
    const message = `${shown}: the host cannot set its extended attributes: ${errno}`;
    throw new GondolinError('FILES_COPY_FAILED', message, {
      cause: error,
      details: { path: shown, errno },
    });
  }
}

/** Changes the host directory of a volume, by paths of {@link HostTarget}. */
export class HostWriter {
  readonly #target: HostTarget;
  readonly #link: typeof linkDescriptorAt;

  /** @param link  Gives an open file another name. */
  constructor(target: HostTarget, link: typeof linkDescriptorAt = linkDescriptorAt) {
    this.#target = target;
    this.#link = link;
  }

  /** Makes a name lead to what `make` puts there: under a name of its own first, so that nobody sees a part of it. */
  async #put<T>(
    path: string,
    seen: HostState,
    make: (directory: number, name: string) => T | Promise<T>,
  ): Promise<T> {
    return this.#target.place(path).inParent(async (directory, name) => {
      const temporary = `.gondolin-apply-${randomBytes(8).toString('hex')}`;
      try {
        const made = await make(directory, temporary);
        assertSame(directory, name, path, seen);
        renameAt(directory, temporary, directory, name, 0);
        return made;
      } catch (error) {
        removeQuietly(directory, temporary);
        throw error;
      }
    });
  }

  async putFile(path: string, seen: HostState, wanted: NewFile): Promise<PutFile> {
    return this.#put(path, seen, async (directory, name) => {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
      const file = await promises.open(`${descriptorPath(directory)}/${name}`, flags, 0o600);
      const source = await promises.open(wanted.contentPath, O_RDONLY);
      try {
        for await (const part of source.createReadStream({ autoClose: false })) {
          await file.writeFile(part as Buffer);
        }
        setRights(file.fd, path, wanted);
        setTimes(file.fd, null, wanted.mtimeNs);
        return { path, identity: identityOf(fstatSync(file.fd, { bigint: true })) };
      } finally {
        await source.close();
        await file.close();
      }
    });
  }

  /**
   * Gives a file that was put another name.
   * @returns false when the file system makes no such link.
   * @throws {GondolinError} PROJECT_OVERLAY_CONFLICT when the host has changed either.
   */
  async putName(path: string, seen: HostState, file: PutFile): Promise<boolean> {
    return this.#target.withFile(file.path, async (fd, stats) => {
      if (identityOf(stats) !== file.identity) throw conflictAt(file.path);
      try {
        await this.#put(path, seen, (directory, name) => this.#link(fd, directory, name));
        return true;
      } catch (error) {
        if (NO_LINK.includes(failedErrno(error))) return false;
        throw error;
      }
    });
  }

  async putLink(path: string, seen: HostState, target: string): Promise<void> {
    await this.#put(path, seen, (directory, name) => symlinkAt(target, directory, name));
  }

  async makeDirectory(path: string): Promise<void> {
    const place = this.#target.place(path);
    await place.inParent((directory, name) => makeDirectoryAt(directory, name, 0o755));
  }

  async setDirectoryRights(path: string, rights: NewRights): Promise<void> {
    await this.#target.place(path).inside((fd) => setRights(fd, path, rights));
  }

  /** Deletes a file that is still what was seen, or an empty directory. */
  async remove(path: string, seen: HostFile): Promise<void> {
    await this.#target.place(path).inParent((directory, name) => {
      if (seen.kind === 'directory') {
        removeDirectoryAt(directory, name);
        return;
      }
      assertSame(directory, name, path, seen);
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
