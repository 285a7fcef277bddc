import { ERRNO } from '../protocol/errno.ts';

/** A failure with the Linux error number that the guest shall see. */
export class VfsError extends Error {
  readonly errno: number;

  constructor(name: keyof typeof ERRNO) {
    super(name);
    this.errno = ERRNO[name];
  }
}

/**
 * Linux error number (positive) of a provider's failure: `errno` of {@link VfsError} and SystemError, or the `code` of
 * a Node system error; EIO for anything else. Never throws.
 */
export function errnoOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return ERRNO.EIO;
  // Node's own errors carry a negative `errno` and a `code`; both name the same thing on Linux.
  const { errno } = error as { errno?: unknown };
  if (typeof errno === 'number' && Number.isInteger(errno) && errno !== 0) {
    const positive = Math.abs(errno);
    if (positive < 4096) return positive;
  }
  return ERRNO.EIO;
}
