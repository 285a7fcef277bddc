import { readlinkSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/**
 * Tree of the names below a mount's root that lead to protected files. A leaf is a protected file, which may not change. The
 * others are directories on the way, which may not be renamed, removed or replaced.
 */
export interface ProtectedTree {
  readonly children: Map<string, ProtectedTree>;
}

export function isProtectedFile(guard: ProtectedTree | null): boolean {
  return guard !== null && guard.children.size === 0;
}

/** Linux's limit of symbolic links in one path (path_resolution(7)). */
const MAX_LINKS = 40;

const split = (path: string) => path.split(sep).filter((name) => name !== '' && name !== '.');

/** Returns the target of a symbolic link, or null when the path is not one. */
function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    // Another kind of file, or none yet: it is guarded by its name.
    return null;
  }
}

/** Returns the real paths of the names that lead to `path`: those of symbolic links on the way, then its own. */
function namesLeadingTo(path: string): string[] {
  const links: string[] = [];
  let rest = split(resolve(path));
  let at: string = sep;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const target = links.length < MAX_LINKS ? linkTarget(next) : null;
    if (target === null) {
      at = next;
      continue;
    }
    links.push(next);
    if (isAbsolute(target)) at = sep;
    rest = [...split(target), ...rest];
  }
  return [...links, at];
}

/**
 * Returns the guard for the paths at or below `root`, or null when there are none.
 * @param root Real absolute path of the mount's root.
 */
export function buildGuard(root: string, paths: readonly string[]): ProtectedTree | null {
  const top: ProtectedTree = { children: new Map() };
  let isUsed = false;
  for (const path of paths.flatMap(namesLeadingTo)) {
    const below = relative(root, path);
    if (below === '..' || below.startsWith(`..${sep}`)) continue;
    isUsed = true;
    let guard = top;
    // Names are latin1 text: one character per byte.
    for (const name of split(Buffer.from(below, 'utf8').toString('latin1'))) {
      const next = guard.children.get(name) ?? { children: new Map<string, ProtectedTree>() };
      guard.children.set(name, next);
      guard = next;
    }
  }
  return isUsed ? top : null;
}
