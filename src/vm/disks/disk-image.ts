import { constants, fstatSync, ftruncateSync, openSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { temporaryName } from '../../host/atomic-write.ts';
import { hasExt4, makeExt4 } from '../../host/ext4.ts';
import { lockHolder } from '../../host/file-lock.ts';
import { flock, SystemError } from '../../host/libc.ts';
import { formatBytes } from '../../util/quantities.ts';
import { DescriptorOnce } from './descriptor-once.ts';

// flock(2)
const LOCK_EX_NB = 6;
const EWOULDBLOCK = 11;
const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_RDWR } = constants;
const FLAGS = O_RDWR | O_NOCTTY | O_NOFOLLOW;
/** Another process may replace the empty file that we locked by the image that it made: then we lock that one. */
const MAX_ATTEMPTS = 5;

/** An open disk image, locked until the descriptor and all copies of it are closed: QEMU has one. */
export interface DiskImage {
  readonly fd: number;
  readonly sizeBytes: number;
  /** True when it was made now. */
  readonly isNew: boolean;
  /** May be called twice. */
  close(): void;
}

/**
 * Opens a disk image for one VM. A missing one, or an empty file, becomes an ext4 file system of that size; a smaller one grows, and
 * the guest then grows the file system.
 * @throws {GondolinError} VM_DISK_IN_USE, VM_DISK_UNUSABLE, HOST_TOOL_NOT_FOUND, HOST_TOOL_FAILED.
 */
export async function openDiskImage(path: string, sizeBytes: number): Promise<DiskImage> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw unusable(path, 'its directory cannot be made', cause);
  });
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const image = openLocked(path, O_CREAT);
    if (image === null) continue;
    try {
      const { size } = fstatSync(image.fd);
      if (size === 0) return await makeImage(path, sizeBytes, image);
      return useImage(path, sizeBytes, image, size);
    } catch (error) {
      image.close();
      throw error;
    }
  }
  throw unusable(path, 'another process replaces it again and again');
}

/** Opens and locks a file; null when it is no longer the one of that name. */
function openLocked(path: string, flags: number): DescriptorOnce | null {
  let fd: number;
  try {
    fd = openSync(path, FLAGS | flags, 0o600);
  } catch (cause) {
    throw unusable(path, 'it cannot be opened for writing', cause);
  }
  const opened = new DescriptorOnce(fd);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw unusable(path, 'it is not a regular file');
    lock(path, fd);
    const named = statSync(path, { throwIfNoEntry: false });
    if (named?.ino === stat.ino && named.dev === stat.dev) return opened;
    opened.close();
    return null;
  } catch (error) {
    opened.close();
    throw error;
  }
}

function lock(path: string, fd: number): void {
  try {
    flock(fd, LOCK_EX_NB);
  } catch (cause) {
    const isTaken = cause instanceof SystemError && cause.errno === EWOULDBLOCK;
    if (!isTaken) throw unusable(path, 'its file system has no locks', cause);
    const pid = lockHolder(path);
    const holder = pid === null ? 'another process' : `the process ${pid}`;
    throw new GondolinError('VM_DISK_IN_USE', `The disk ${path} is in use by ${holder}`, {
      details: { path, pid },
    });
  }
}

/**
 * Locks an image that no VM may use meanwhile; null when there is none.
 * @throws {GondolinError} VM_DISK_IN_USE, VM_DISK_UNUSABLE.
 */
export function lockDiskImage(path: string): Pick<DiskImage, 'close'> | null {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return null;
  return openLocked(path, 0);
}

/** Builds the file system under another name, so that a killed process leaves no half of one. `empty` keeps others from doing it too. */
async function makeImage(
  path: string,
  sizeBytes: number,
  empty: DescriptorOnce,
): Promise<DiskImage> {
  const temporary = join(dirname(path), temporaryName());
  const made = openLocked(temporary, O_CREAT | O_EXCL);
  if (made === null) throw unusable(temporary, 'it was replaced while it was made');
  try {
    ftruncateSync(made.fd, sizeBytes);
    await makeExt4(temporary, made.fd);
    await rename(temporary, path);
  } catch (cause) {
    made.close();
    await rm(temporary, { force: true });
    if (GondolinError.is(cause)) throw cause;
    throw unusable(path, 'it cannot be made', cause);
  }
  empty.close();
  return { fd: made.fd, sizeBytes, isNew: true, close: () => made.close() };
}

function useImage(
  path: string,
  sizeBytes: number,
  image: DescriptorOnce,
  hasBytes: number,
): DiskImage {
  if (!hasExt4(image.fd)) throw unusable(path, 'it has no ext4 file system');
  if (hasBytes > sizeBytes) {
    const message = `it has ${formatBytes(hasBytes)}, more than the ${formatBytes(sizeBytes)} asked for`;
    throw unusable(path, message, undefined, 'A disk cannot shrink: keep its size, or remove it.');
  }
  if (hasBytes < sizeBytes) ftruncateSync(image.fd, sizeBytes);
  return { fd: image.fd, sizeBytes, isNew: false, close: () => image.close() };
}

function unusable(path: string, reason: string, cause?: unknown, hint?: string): GondolinError {
  return new GondolinError('VM_DISK_UNUSABLE', `Cannot use the disk ${path}: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    ...(hint === undefined ? {} : { hint }),
    details: { path },
  });
}
