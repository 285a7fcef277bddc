import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dockerfileInvalid } from './dockerfile-error.ts';

const { O_RDONLY, O_NONBLOCK } = constants;
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a Dockerfile or a `.dockerignore`.
 * @returns Its text; null when the file does not exist.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID when it is no file, larger than 1 MiB, or cannot be read.
 */
export async function readDocument(path: string): Promise<string | null> {
  try {
    // A named pipe would hold us for ever.
    const file = await open(path, O_RDONLY | O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw dockerfileInvalid(path, null, 'it is not a file');
      if (stat.size > MAX_BYTES) throw dockerfileInvalid(path, null, 'it has more than 1 MiB');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === undefined || code.startsWith('IMAGE_')) throw error;
    throw dockerfileInvalid(path, null, `it cannot be read: ${code}`, error);
  }
}
