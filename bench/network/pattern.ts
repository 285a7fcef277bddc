import { createHash } from 'node:crypto';

/** What the server's answers repeat. */
export const BLOCK = Buffer.alloc(256 * 1024, 'gondolin-');

/** SHA-256 of an answer of so many bytes, so that its reader can tell whether they are right. */
export function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= BLOCK.length) hash.update(BLOCK.subarray(0, left));
  return hash.digest('hex');
}
