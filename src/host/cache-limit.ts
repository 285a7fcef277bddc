import { statfs } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Environment } from './directories.ts';

const GIB = 2 ** 30;
const DEFAULT_LIMIT_BYTES = 20 * GIB;
const SHARE_OF_DISK = 1 / 10;
const UNITS: Readonly<Record<string, number>> = { M: 2 ** 20, G: GIB, T: 2 ** 40 };

/**
 * Returns what images, templates, checkpoints and snapshots may take on disk together, in bytes: GONDOLIN_CACHE_LIMIT, else
 * 20 GiB or a tenth of the disk, whichever is less. Infinity for `none`.
 * @param directory  On the disk in question; exists.
 * @throws {GondolinError} HOST_CACHE_LIMIT_INVALID when the variable is not a size.
 */
export async function cacheLimitBytes(
  directory: string,
  env: Environment = process.env,
): Promise<number> {
  const text = env['GONDOLIN_CACHE_LIMIT'];
  if (text !== undefined && text !== '') return parseLimit(text);
  const { blocks, bsize } = await statfs(directory);
  return Math.min(DEFAULT_LIMIT_BYTES, Math.floor(blocks * bsize * SHARE_OF_DISK));
}

function parseLimit(text: string): number {
  if (text === 'none') return Number.POSITIVE_INFINITY;
  const match = /^(\d{1,7}(?:\.\d{1,3})?)([MGT])(?:i?B)?$/.exec(text);
  const bytes = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (bytes > 0) return Math.floor(bytes);
  throw new GondolinError(
    'HOST_CACHE_LIMIT_INVALID',
    `GONDOLIN_CACHE_LIMIT is "${text}", not a size such as 20GiB`,
  );
}
