import { ERRNO, type ErrnoName, isErrnoName } from '../protocol/errno.ts';

/** Largest error number that the kernel takes from a file system (fuse_dev_do_write of fs/fuse/dev.c). */
const MAX_ERRNO = 511;

/**
 * A failure with the Linux error number that the guest sees.
 *
 * @example
 * const files = new Map([['README.md', 'hello']]);
 * const find = (name: string) => {
 *   const text = files.get(name);
 *   if (text === undefined) throw new VfsError('ENOENT');
 *   return text;
 * };
 */
export class VfsError extends Error {
  readonly errno: number;

  constructor(name: ErrnoName) {
    super(name);
    this.errno = ERRNO[name];
  }
}

/**
 * Returns the positive Linux error number of a failure: the `errno` of a {@link VfsError} or of Node's system errors, else that
 * of its `code`; null for an error with neither. Never throws.
 */
export function errnoOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null;
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  // Node's system errors have negative numbers.
  const positive = typeof errno === 'number' && Number.isInteger(errno) ? Math.abs(errno) : 0;
  if (positive > 0 && positive <= MAX_ERRNO) return positive;
  return isErrnoName(code) ? ERRNO[code] : null;
}

/** Returns the error number of a provider's failure, EIO for one without. Never throws. */
export function toErrno(error: unknown): number {
  return errnoOf(error) ?? ERRNO.EIO;
}
