import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { canonicalJson } from './cache-key.ts';
import type { FileDigest } from './manifest.ts';

/** sha256 of the bytes, 64 hex digits. */
export function digestBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Digest of a file's bytes, and their number. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<FileDigest> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const input = createReadStream(path, { highWaterMark: 1024 * 1024 });
  const consume = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  };
  await pipeline(input, consume, signal === undefined ? {} : { signal });
  return { sizeBytes, sha256: hash.digest('hex') };
}

/**
 * Checks that the files are still what the manifest says. Reads them in full only when something about them has
 * changed since `recordVerified`: 0.2 ms instead of 100 ms for 90 MB.
 *
 * @returns what is wrong, for people; null when all is well.
 */
export async function findDamage(
  directory: string,
  files: Readonly<Record<string, FileDigest>>,
  stampPath: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const stamp = await describeFiles(directory, files);
  if (stamp.problem !== null) return stamp.problem;
  if ((await readStamp(stampPath)) === stamp.text) return null;
  for (const [name, wanted] of Object.entries(files)) {
    const { sha256 } = await digestFile(join(directory, name), signal);
    if (sha256 !== wanted.sha256) return `'${name}' does not have the digest of the manifest`;
  }
  await writeFileAtomic(stampPath, stamp.text);
  return null;
}

/** Notes that the files were just checked, or written by us: `findDamage` then only looks at their metadata. */
export async function recordVerified(
  directory: string,
  files: Readonly<Record<string, FileDigest>>,
  stampPath: string,
): Promise<void> {
  const { text, problem } = await describeFiles(directory, files);
  if (problem === null) await writeFileAtomic(stampPath, text);
}

interface FilesDescription {
  readonly text: string;
  readonly problem: string | null;
}

/** ctime is in it because it cannot be set back, as mtime can. */
async function describeFiles(
  directory: string,
  files: Readonly<Record<string, FileDigest>>,
): Promise<FilesDescription> {
  const seen: Record<string, string[]> = {};
  for (const [name, { sizeBytes, sha256 }] of Object.entries(files)) {
    const stat = await lstat(join(directory, name), { bigint: true }).catch(nullWhenMissing);
    if (stat === null) return { text: '', problem: `'${name}' is missing` };
    if (!stat.isFile()) return { text: '', problem: `'${name}' is not a regular file` };
    if (stat.size !== BigInt(sizeBytes)) {
      return {
        text: '',
        problem: `'${name}' has ${stat.size} bytes where the manifest says ${sizeBytes}`,
      };
    }
    seen[name] = [stat.size, stat.ino, stat.mtimeNs, stat.ctimeNs].map(String).concat(sha256);
  }
  return { text: canonicalJson(seen), problem: null };
}

async function readStamp(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(nullWhenMissing);
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
