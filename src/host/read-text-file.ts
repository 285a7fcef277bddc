import { open } from 'node:fs/promises';

/** Bytes to read at a time of a file that grows meanwhile. */
const CHUNK_BYTES = 65_536;

/**
 * Reads a small file, at most `maxBytes` of it; null when it does not exist.
 * @throws the system's error for any other reason.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string | null> {
  try {
    const file = await open(path, 'r');
    try {
      // As large as the file, with a byte that shows its end: the limit of some callers is megabytes, which take time to clear.
      const { size } = await file.stat();
      const parts: Buffer[] = [];
      for (let [offset, length] = [0, size + 1]; offset < maxBytes; length = CHUNK_BYTES) {
        const part = Buffer.alloc(Math.min(length, maxBytes - offset));
        const { bytesRead } = await file.read(part, 0, part.length, offset);
        parts.push(part.subarray(0, bytesRead));
        if (bytesRead < part.length) break;
        offset += bytesRead;
      }
      return Buffer.concat(parts).toString('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
