import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A repository as `gondolin init` looks at it: nothing is run, and what cannot be read is not there. */
export interface Repository {
  /** Text of a file by its path in the repository; null when it is missing, not a file or too large. */
  text(path: string): string | null;
  /** Names in a directory, sorted; empty when it is missing. */
  names(path: string): readonly string[];
}

/** Lock files of large projects have a few MiB. */
const MAX_FILE_BYTES = 16 * 2 ** 20;
const MAX_NAMES = 10_000;

function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

/** The repository in a directory of this machine. */
export function openRepository(directory: string): Repository {
  return {
    text: (path) =>
      readOrNull(() => {
        const file = join(directory, path);
        // Looked at before it is opened: opening a FIFO would wait for a writer.
        const stat = statSync(file);
        return stat.isFile() && stat.size <= MAX_FILE_BYTES ? readFileSync(file, 'utf8') : null;
      }),
    names: (path) =>
      readOrNull(() => readdirSync(join(directory, path)).toSorted().slice(0, MAX_NAMES)) ?? [],
  };
}
