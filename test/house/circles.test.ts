import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** Folder → folders it imports; a folder and one inside it count as one, since a room's face and its parts belong together. */
function importsByFolder(): Map<string, Set<string>> {
  const imports = new Map<string, Set<string>>();
  for (const file of readdirSync(SRC, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const folder = dirname(file);
    const targets = imports.get(folder) ?? new Set<string>();
    imports.set(folder, targets);
    for (const [, name = ''] of readFileSync(join(SRC, file), 'utf8').matchAll(
      /from '(\.[^']+)'/g,
    )) {
      const target = relative(SRC, dirname(resolve(SRC, folder, name)));
      const isNested = `${folder}/`.startsWith(`${target}/`) || target.startsWith(`${folder}/`);
      if (!isNested) targets.add(target);
    }
  }
  return imports;
}

/** Every folder that can be reached from one by imports. */
function reachable(from: string, imports: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const seen = new Set<string>();
  const pending = [from];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const target of imports.get(folder) ?? []) {
      if (seen.has(target)) continue;
      seen.add(target);
      pending.push(target);
    }
  }
  return seen;
}

it('folders of a room import each other in one direction', () => {
  const imports = importsByFolder();
  expect(imports.size).toBeGreaterThan(40);
  const circles = [...imports].flatMap(([folder, targets]) =>
    [...targets]
      .filter((target) => reachable(target, imports).has(folder))
      .map((target) => `${folder} imports ${target}, which leads back`),
  );
  expect(circles).toEqual([]);
});
