import { readFileSync } from 'node:fs';

const LOWEST = 256;

/** Soft limit of open files of this process (Node raises it to the hard one at its start). */
export function openFileLimit(): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  );
  const limit = match?.[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(match?.[1]);
  return Number.isNaN(limit) ? LOWEST : Math.max(LOWEST, limit);
}
