import { readFileSync } from 'node:fs';

/** Where the kernel does not tell: its own default of the soft limit. */
const DEFAULT_LIMIT = 1024;

/** How many files this process may have open: the soft limit, which Node raises to the hard one at its start. */
export function openFileLimit(): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  );
  const limit = match?.[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(match?.[1]);
  return Number.isNaN(limit) ? DEFAULT_LIMIT : limit;
}
