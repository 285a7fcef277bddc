import { readdir } from 'node:fs/promises';

/** Returns the names in a directory; a missing one has none. @throws the error of readdir(3). */
export async function listNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
