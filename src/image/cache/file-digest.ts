import { readFile, stat } from 'node:fs/promises';
import { digestBytes } from './verify-files.ts';

/** By path: the digest of a file, and what has changed when its bytes have. No program can set ctime back. */
const known = new Map<string, { readonly stamp: string; readonly sha256: string }>();

/**
 * Returns the sha256 of a file's bytes, 64 hex digits. This process reads it again only when something about the file has changed:
 * each start of a function's machine would read and digest a megabyte of the same programs.
 * @throws the system's error when it cannot be read.
 */
export async function fileSha256(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const stamp = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  const last = known.get(path);
  if (last?.stamp === stamp) return last.sha256;
  const sha256 = digestBytes(await readFile(path));
  known.set(path, { stamp, sha256 });
  return sha256;
}
