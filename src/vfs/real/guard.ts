import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

/**
 * Names below a mount's root that lead to a protected file. The last has no children: it is the file itself, which
 * may not change. The others are directories on the way, which may not be renamed, removed or replaced.
 */
export interface Guard {
  readonly children: Map<string, Guard>;
}

export function isProtectedFile(guard: Guard | null): boolean {
  return guard !== null && guard.children.size === 0;
}

/** A protected path as its directory really is, and the file it leads to if it is a symbolic link. */
function realPaths(path: string): string[] {
  try {
    const named = join(realpathSync(dirname(path)), basename(path));
    return [named, realpathSync(path)];
  } catch {
    // A file that is not there (yet) is guarded by its name.
    return [path];
  }
}

/**
 * Guards for the paths that lie at or below `root`; null when none does.
 * @param root Real absolute path of the mount's root.
 */
export function buildGuard(root: string, paths: readonly string[]): Guard | null {
  const top: Guard = { children: new Map() };
  let isUsed = false;
  for (const path of paths.flatMap(realPaths)) {
    const below = relative(root, path);
    if (below === '..' || below.startsWith(`..${sep}`)) continue;
    isUsed = true;
    let guard = top;
    // Names travel as latin1 text: one character a byte.
    const names = Buffer.from(below, 'utf8')
      .toString('latin1')
      .split(sep)
      .filter((name) => name !== '');
    for (const name of names) {
      const next = guard.children.get(name) ?? { children: new Map<string, Guard>() };
      guard.children.set(name, next);
      guard = next;
    }
  }
  return isUsed ? top : null;
}
