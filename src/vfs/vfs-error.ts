import { ERRNO, type ErrnoName, isErrnoName } from '../protocol/errno.ts';

/** Largest error number that the kernel accepts (MAX_ERRNO of linux/err.h). */
const MAX_ERRNO = 4095;

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
 * Returns the positive Linux error number of a provider's failure: the `errno` of a {@link VfsError} or of Node's system
 * errors, else that of the `code` which a provider of the user's gave; EIO for anything else. Never throws.
 */
export function toErrno(error: unknown): number {
  if (typeof error !== 'object' || error === null) return ERRNO.EIO;
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  // Node's system errors have negative numbers.
  const positive = typeof errno === 'number' && Number.isInteger(errno) ? Math.abs(errno) : 0;
  if (positive > 0 && positive <= MAX_ERRNO) return positive;
  return isErrnoName(code) ? ERRNO[code] : ERRNO.EIO;
}
