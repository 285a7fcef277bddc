import { closeSync, constants, openSync } from 'node:fs';
import type { FileLock, LockKind } from './file-lock.ts';
import { flock, SystemError } from './libc.ts';

// flock(2)
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

/**
 * Locks a directory itself, so that the lock needs no file and is gone with it: `shared` by who uses what is in it,
 * `exclusive` by who removes it. Where the file system has no such locks it counts as taken: then nothing is removed that
 * might be in use, and its users continue.
 * @returns Null when it is in use or does not exist.
 */
export function tryLockDirectory(path: string, kind: LockKind): FileLock | null {
  const fd = openDirectory(path);
  if (fd === null) return null;
  try {
    flock(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB);
  } catch (error) {
    const isTaken = !(error instanceof SystemError) || error.errno === EWOULDBLOCK;
    if (isTaken || kind === 'exclusive') {
      closeSync(fd);
      if (error instanceof SystemError) return null;
      throw error;
    }
  }
  let isOpen = true;
  return {
    release() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function openDirectory(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
