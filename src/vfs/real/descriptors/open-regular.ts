import { closeSync, fstatSync, openSync } from 'node:fs';
import { descriptorPath, openAt } from '../../../host/libc.ts';
import { withOwnerRights } from '../../../host/owner-rights.ts';
import {
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TRUNC,
  PERMISSION_BITS,
  S_IFMT,
  S_IFREG,
} from '../../file-mode.ts';
import { VfsError } from '../../vfs-error.ts';

const O_NONBLOCK = 0o4000;
const O_NOCTTY = 0o400;

/** The descriptors of one open file. */
export interface OpenDescriptors {
  readonly fd: number;
  /**
   * Descriptor without O_APPEND of a file that is opened for reading and appending, for data that a program changes through a
   * shared mapping, which is written in place. Null for other files.
   */
  readonly inPlaceFd: number | null;
}

const isMappedAppend = (flags: number) =>
  (flags & O_APPEND) !== 0 && (flags & O_ACCMODE) === O_RDWR;

/** Opens a file, twice when it needs two descriptors. */
function withInPlace(flags: number, open: (flags: number) => number): OpenDescriptors {
  const fd = open(flags);
  if (!isMappedAppend(flags)) return { fd, inPlaceFd: null };
  try {
    return { fd, inPlaceFd: open(flags & ~(O_APPEND | O_TRUNC)) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Opens the regular file of an O_PATH descriptor. Never opens devices, FIFOs and sockets of the host.
 * The guest's kernel has checked permissions, so a file that lacks its owner's right (git's 0444 objects, opened by guest
 * root) has it while it is opened.
 * @throws {VfsError} EACCES for any other file.
 */
export function openRegular(pathFd: number, flags: number): OpenDescriptors {
  const stat = fstatSync(pathFd);
  if ((stat.mode & S_IFMT) !== S_IFREG) throw new VfsError('EACCES');
  const kept = flags & (O_ACCMODE | O_APPEND | O_TRUNC);
  const open = () =>
    withInPlace(kept, (own) =>
      openSync(descriptorPath(pathFd), own | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
    );
  try {
    return open();
  } catch (error) {
    const isDenied = (error as NodeJS.ErrnoException).code === 'EACCES';
    if (!isDenied || stat.uid !== process.geteuid?.()) throw error;
    const opened = withOwnerRights(pathFd, stat.mode & PERMISSION_BITS, open);
    if (opened === null) throw error;
    return opened;
  }
}

/**
 * Makes a regular file and opens it for reading and writing, whatever its mode.
 * @param flags  Flags of open(2), of which O_APPEND and the access mode are used.
 * @param mode  Permission bits, from which the kernel takes those of the process's umask.
 * @throws {SystemError} EEXIST and others of openat(2).
 */
export function createRegular(
  directory: number,
  name: string,
  flags: number,
  mode: number,
): OpenDescriptors {
  const made = openAt(directory, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode);
  if ((flags & O_APPEND) === 0) return { fd: made, inPlaceFd: null };
  try {
    const fd = openSync(descriptorPath(made), O_RDWR | O_APPEND | O_CLOEXEC);
    if (isMappedAppend(flags)) return { fd, inPlaceFd: made };
    closeSync(made);
    return { fd, inPlaceFd: null };
  } catch (error) {
    closeSync(made);
    throw error;
  }
}

/** Closes the descriptors of an open file. */
export function closeDescriptors({ fd, inPlaceFd }: OpenDescriptors): void {
  closeSync(fd);
  if (inPlaceFd !== null) closeSync(inPlaceFd);
}
