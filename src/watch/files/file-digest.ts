import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { lstat, readFile, readlink } from 'node:fs/promises';

/** Larger files are not read: their size and time of change stand for the content. */
const MAX_READ_BYTES = 64 * 2 ** 20;
/** Files up to it are read at once. */
const SMALL_BYTES = 2 ** 20;

/** A digest over what counts for one path: a file's content and execute bit, or a link's text. */
export interface PathContent {
  readonly digest: string;
  readonly stat: BigIntStats;
}

/** Size, time of change and inode: equal as long as nobody wrote to the file. */
export function writeStamp({ size, mtimeNs, ino }: BigIntStats): string {
  return `${size} ${mtimeNs} ${ino}`;
}

/** Returns the attributes of a path itself; null when there is nothing. */
export async function statOrNull(path: string): Promise<BigIntStats | null> {
  try {
    return await lstat(path, { bigint: true });
  } catch {
    // Whatever the reason: it cannot be read.
    return null;
  }
}

async function hashFile(path: string, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256');
  if (sizeBytes <= SMALL_BYTES) return hash.update(await readFile(path)).digest('hex');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Reads what counts for a path; null when it is neither a file nor a link, or gone. */
export async function readContent(path: string): Promise<PathContent | null> {
  const stat = await statOrNull(path);
  if (stat === null) return null;
  try {
    if (stat.isSymbolicLink()) return { digest: `link ${await readlink(path)}`, stat };
    if (!stat.isFile()) return null;
    const mode = (stat.mode & 0o111n) === 0n ? 'file' : 'program';
    const isLarge = stat.size > BigInt(MAX_READ_BYTES);
    const content = isLarge ? writeStamp(stat) : await hashFile(path, Number(stat.size));
    return { digest: `${mode} ${content}`, stat };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Gone since; else it cannot be read, and its attributes stand for the content.
    return code === 'ENOENT' ? null : { digest: `unread ${writeStamp(stat)}`, stat };
  }
}
