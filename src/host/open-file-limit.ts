import { readFileSync } from 'node:fs';

/** The kernel's default of the soft limit, for when it cannot be read. */
const DEFAULT_LIMIT = 1024;

/** Returns the limit of this process's open files: the soft limit, which Node raises to the hard one at its start. */
export function openFileLimit(): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  );
  const limit = match?.[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(match?.[1]);
  return Number.isNaN(limit) ? DEFAULT_LIMIT : limit;
}
