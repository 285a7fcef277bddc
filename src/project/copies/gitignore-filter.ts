import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** Decides whether an entry of a tree is copied. `path` is relative to the tree, with `/`. */
export type CopyFilter = (path: string, isDirectory: boolean) => boolean;

/** Each is read as a whole. */
const MAX_GITIGNORE_BYTES = 1024 * 1024;

/**
 * Returns a filter that leaves out `.git` and what the `.gitignore` files of the tree ignore, each for its own directory, the deepest
 * that has a word about an entry deciding. Entries must be asked for from the top down.
 */
export function gitignoreFilter(top: string): CopyFilter {
  const rules = new Map<string, Ignore | null>();
  const rulesOf = (directory: string): Ignore | null => {
    const known = rules.get(directory);
    if (known !== undefined) return known;
    const read = readRules(join(top, directory, '.gitignore'));
    rules.set(directory, read);
    return read;
  };
  return (path, isDirectory) => {
    const names = path.split('/');
    if (names.at(-1) === '.git') return false;
    for (let depth = names.length - 1; depth >= 0; depth--) {
      const inside = names.slice(depth).join('/') + (isDirectory ? '/' : '');
      const verdict = rulesOf(names.slice(0, depth).join('/'))?.test(inside);
      if (verdict?.unignored === true) return true;
      if (verdict?.ignored === true) return false;
    }
    return true;
  };
}

/** Null for a directory without rules of its own. @throws {SystemError} for a file that cannot be read. */
function readRules(path: string): Ignore | null {
  try {
    const text = readFileSync(path);
    return ignore().add(text.subarray(0, MAX_GITIGNORE_BYTES).toString('utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A directory or a dangling link of that name has no rules either.
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return null;
    throw error;
  }
}
