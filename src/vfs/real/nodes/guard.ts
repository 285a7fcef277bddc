import { readlinkSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

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

/** Linux' own limit of links in one path (path_resolution(7)). */
const MAX_LINKS = 40;

const split = (path: string) => path.split(sep).filter((name) => name !== '' && name !== '.');

/** Null when there is no symbolic link of that path. */
function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    // Another kind of file, or one that is not there (yet): it is guarded by its name.
    return null;
  }
}

/** Real paths of the names that lead to `path`: its own at last, before it those of symbolic links on the way. */
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
 * Guards for the paths that lie at or below `root`; null when none does.
 * @param root Real absolute path of the mount's root.
 */
export function buildGuard(root: string, paths: readonly string[]): Guard | null {
  const top: Guard = { children: new Map() };
  let isUsed = false;
  for (const path of paths.flatMap(namesLeadingTo)) {
    const below = relative(root, path);
    if (below === '..' || below.startsWith(`..${sep}`)) continue;
    isUsed = true;
    let guard = top;
    // Names travel as latin1 text: one character a byte.
    for (const name of split(Buffer.from(below, 'utf8').toString('latin1'))) {
      const next = guard.children.get(name) ?? { children: new Map<string, Guard>() };
      guard.children.set(name, next);
      guard = next;
    }
  }
  return isUsed ? top : null;
}
