import { ERRNO, type ErrnoName, isErrnoName } from '../protocol/errno.ts';

/** What the kernel takes for an error number (MAX_ERRNO of linux/err.h). */
const MAX_ERRNO = 4095;

/** A failure with the Linux error number that the guest shall see. */
export class VfsError extends Error {
  readonly errno: number;

  constructor(name: ErrnoName) {
    super(name);
    this.errno = ERRNO[name];
  }
}

/**
 * Linux error number (positive) of a provider's failure: the `errno` of {@link VfsError} and of Node's system errors,
 * else the `code` that an own provider gave; EIO for anything else. Never throws.
 */
export function toErrno(error: unknown): number {
  if (typeof error !== 'object' || error === null) return ERRNO.EIO;
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  // Node's own are negative.
  const positive = typeof errno === 'number' && Number.isInteger(errno) ? Math.abs(errno) : 0;
  if (positive > 0 && positive <= MAX_ERRNO) return positive;
  return isErrnoName(code) ? ERRNO[code] : ERRNO.EIO;
}
