import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Older ones are of a git that was killed. */
const MAX_AGE_MS = 60_000;

function gitDirectory(repository: string): string {
  const path = join(repository, '.git');
  try {
    const text = statSync(path).isFile() ? readFileSync(path, 'utf8') : '';
    const [, target] = /^gitdir: (.+)$/m.exec(text) ?? [];
    return target === undefined ? path : resolve(repository, target.trim());
  } catch {
    // No repository any more: it has no lock.
    return path;
  }
}

/** True while git changes the files of a repository: its checkout, merge or rebase is not complete. */
export function isGitAtWork(repository: string): boolean {
  try {
    const { mtimeMs } = statSync(join(gitDirectory(repository), 'index.lock'));
    return Date.now() - mtimeMs < MAX_AGE_MS;
  } catch {
    return false;
  }
}
