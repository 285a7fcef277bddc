import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { overlap, replaceable, resolvePlaces, type WritableTree } from './writable-tree.ts';

/** A path that a guest can change, and the volume that lets it. */
export interface Reach {
  readonly path: string;
  readonly tree: WritableTree;
}

/** Most modules whose imports are followed. */
const MAX_MODULES = 200;
const IMPORT = /\b(?:from|import|require)\s*\(?\s*(['"])((?:\.{0,2}\/|file:)[^'"\n]+)\1/g;

/**
 * Returns a path that a module loads and a guest can change; null if there is none. Looks at the module, at what it
 * imports by path, and at where Node looks for packages and their type (`node_modules` and `package.json` of each parent
 * directory). Imports with a computed name are not seen.
 */
export async function moduleReach(
  path: string,
  trees: readonly WritableTree[],
): Promise<Reach | null> {
  const seen = new Set<string>();
  const left = [path];
  for (let next = left.pop(); next !== undefined && seen.size < MAX_MODULES; next = left.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const reach = await ownReach(next, trees);
    if (reach !== null) return reach;
    left.push(...(await readImports(next)));
  }
  return null;
}

/** Checks one module, without its imports by path. */
async function ownReach(path: string, trees: readonly WritableTree[]): Promise<Reach | null> {
  const tree = await replaceable(path, trees);
  if (tree !== null) return { path, tree };
  const real = (await resolvePlaces(path)).at(-1) ?? path;
  for (let above = dirname(real); ; above = dirname(above)) {
    for (const name of ['node_modules', 'package.json']) {
      const place = join(above, name);
      const writable = await overlap(place, trees);
      if (writable !== null) return { path: place, tree: writable };
    }
    if (dirname(above) === above) return null;
  }
}

/** Returns the absolute paths that a module imports; those of `require` may lack their extension. */
async function readImports(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return [...text.matchAll(IMPORT)].map(([, , specifier = '']) =>
    specifier.startsWith('file:')
      ? fileURLToPath(specifier)
      : resolve(dirname(path), specifier.replace(/[?#].*$/, '')),
  );
}
