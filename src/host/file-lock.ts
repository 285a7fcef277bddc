import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { ensureDirectory, isDenied } from './directories.ts';
import { flock, SystemError } from './libc.ts';

// flock(2): the same numbers on every Linux.
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EINTR = 4;
const EWOULDBLOCK = 11;

const POLL_INTERVAL_MS = 100;

/** `shared`: any number at once, none while one is `exclusive`. */
export type LockKind = 'shared' | 'exclusive';

/** A held lock. The kernel releases it too when the process ends in any way. */
export interface FileLock {
  /** Gives the lock back; a second call does nothing. */
  release(): void;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the lock is not free at once. `holderPid` is null when the kernel does not tell. */
  readonly onWait?: ((holderPid: number | null) => void) | undefined;
}

/**
 * Waits for a flock(2) on `path`, which is created (0600) when missing and stays for the next one: removing a
 * lock file would let two processes lock two different files of one name.
 * Two locks taken by one process exclude each other too.
 * @throws {GondolinError} HOST_LOCK_FAILED when the file cannot be opened or its file system has no locks.
 * @throws the signal's reason when aborted.
 */
export async function lockFile(
  path: string,
  kind: LockKind,
  options: LockOptions = {},
): Promise<FileLock> {
  const { signal, onWait } = options;
  signal?.throwIfAborted();
  const first = await tryLockFile(path, kind);
  if (first !== null) return first;
  onWait?.(lockHolder(path));
  for (;;) {
    await pause(signal);
    const lock = await tryLockFile(path, kind);
    if (lock !== null) return lock;
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(POLL_INTERVAL_MS, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    // Node wraps the reason in its own AbortError.
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * Takes the lock if it is free now, else null.
 * @throws {GondolinError} HOST_LOCK_FAILED as `lockFile`.
 */
export async function tryLockFile(path: string, kind: LockKind): Promise<FileLock | null> {
  await ensureDirectory(dirname(path));
  let fd: number;
  try {
    // Readable too: over NFS a shared flock needs it.
    fd = openSync(path, 'a+', 0o600);
  } catch (cause) {
    throw lockFailed(path, cause);
  }
  try {
    flock(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB);
    return heldLock(fd);
  } catch (cause) {
    closeSync(fd);
    const errno = cause instanceof SystemError ? cause.errno : 0;
    if (errno === EWOULDBLOCK || errno === EINTR) return null;
    throw lockFailed(path, cause);
  }
}

function heldLock(fd: number): FileLock {
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      closeSync(fd);
    },
  };
}

function lockFailed(path: string, cause: unknown): GondolinError {
  const hint = `Make "${dirname(path)}" yours, or set XDG_CACHE_HOME to a directory that is.`;
  return new GondolinError('HOST_LOCK_FAILED', `Cannot lock "${path}"`, {
    cause,
    ...(isDenied(cause) ? { hint } : {}),
    details: { path },
  });
}

/** Returns the process that holds a lock on a file; null when that is not known. Never throws. */
export function lockHolder(path: string): number | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { ino } = fstatSync(fd);
    return findLockHolder(readFileSync('/proc/locks', 'latin1'), ino);
  } catch {
    // Only a courtesy for the waiting message.
    return null;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Pid that holds a flock on the inode, from the text of /proc/locks; null when none is listed or the holder is in
 * another container (pid 0). The device is not compared: overlay and btrfs report another one to stat(2). Pure.
 * @see proc(5), /proc/locks
 */
export function findLockHolder(procLocks: string, inode: number): number | null {
  for (const line of procLocks.split('\n')) {
    const match = /^\d+: FLOCK +ADVISORY +(?:READ|WRITE) +(-?\d+) [^:]+:[^:]+:(\d+) /.exec(line);
    if (match === null || Number(match[2]) !== inode) continue;
    const pid = Number(match[1]);
    return pid > 0 ? pid : null;
  }
  return null;
}
