import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * A time of a file: a date, seconds since 1970 (as in `fs.utimes`), or nanoseconds since 1970.
 *
 * @example
 * const now: FileTime = new Date();
 * await vm.fs.utimes('/tmp/file', now, 1_700_000_000n * 1_000_000_000n);
 */
export type FileTime = Date | number | bigint;

const MAX_NS = 2n ** 63n - 1n;

/** Returns nanoseconds since 1970. @throws {GondolinError} VM_BAD_OPTION for a time that no file can have. */
export function toNs(time: FileTime): bigint {
  if (typeof time === 'bigint' && time >= -MAX_NS && time <= MAX_NS) return time;
  const ms = time instanceof Date ? time.getTime() : Number(time) * 1000;
  if (typeof time !== 'bigint' && Number.isFinite(ms) && Math.abs(ms) < Number(MAX_NS) / 1e6) {
    // Whole microseconds: a double has no exact nanoseconds of today.
    return BigInt(Math.round(ms * 1000)) * 1000n;
  }
  throw new GondolinError('VM_BAD_OPTION', `time: got ${String(time)}, want a Date or seconds`);
}
