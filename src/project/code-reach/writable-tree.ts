import { lstat, readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** A host directory or file that a guest can write. */
export interface WritableTree {
  /** The path in the plan. */
  readonly hostPath: string;
  /** The same path without symbolic links. */
  readonly root: string;
}

/** Links followed in one path; Linux itself stops at 40. */
const MAX_LINKS = 40;

export async function writableTree(hostPath: string): Promise<WritableTree> {
  const root = await realpath(hostPath).catch(() => resolve(hostPath));
  return { hostPath, root };
}

/** True for `directory` itself and everything below it. */
export function isWithin(path: string, directory: string): boolean {
  const below = relative(directory, path);
  return below !== '..' && !below.startsWith(`..${sep}`);
}

/**
 * Returns every name that is looked up to reach `path`, with the symbolic links of its directory resolved: the parts of
 * the path, and those of symbolic links on the way. Whoever can replace one of them decides what `path` is. The last one
 * is where `path` is, or would be.
 */
export async function resolvePlaces(path: string): Promise<string[]> {
  const places: string[] = [];
  let links = 0;
  let left = resolve(path).split(sep).filter(Boolean);
  let at: string = sep;
  while (left.length > 0) {
    const [name = '', ...rest] = left;
    const place = name === '..' ? dirname(at) : join(at, name);
    if (name !== '..') places.push(place);
    const isLink = await lstat(place).then(
      (stat) => stat.isSymbolicLink(),
      () => false,
    );
    left = rest;
    if (isLink && links < MAX_LINKS) {
      links += 1;
      const target = await readlink(place);
      if (target.startsWith(sep)) at = sep;
      left = [...target.split(sep).filter((part) => part !== '' && part !== '.'), ...rest];
    } else {
      at = place;
    }
  }
  if (places.at(-1) !== at) places.push(at);
  return places;
}

/** Returns the tree in which `path`, or a name on the way to it, can be replaced; null if there is none. */
export async function replaceable(
  path: string,
  trees: readonly WritableTree[],
): Promise<WritableTree | null> {
  const places = await resolvePlaces(path);
  const last = places.at(-1);
  // The root of a volume cannot be replaced, only its contents can; a file is its own content.
  const isIn = ({ root }: WritableTree): boolean =>
    places.some((place) => isWithin(place, root) && (place !== root || place === last));
  return trees.find(isIn) ?? null;
}

/** Returns the tree that contains `directory` or is inside it; null if there is none. */
export async function overlap(
  directory: string,
  trees: readonly WritableTree[],
): Promise<WritableTree | null> {
  const real = (await resolvePlaces(directory)).at(-1) ?? directory;
  return (
    (await replaceable(directory, trees)) ?? trees.find(({ root }) => isWithin(root, real)) ?? null
  );
}
