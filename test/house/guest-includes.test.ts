import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../guest/src');

/** The table of guest/README.md, highest row first: a folder includes itself and lower rows only. */
const README = readFileSync(join(SRC, '../README.md'), 'utf8');
const folders = [...README.matchAll(/^\| `([a-z/]+\/|\.)` \|/gm)].map(([, name = '']) =>
  name.replace(/\/$/, ''),
);

/** A module is a .c file with its header: `channel/mux`. */
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.[ch]$/.test(name),
);
const includes = new Map<string, Set<string>>();
for (const file of sources) {
  const name = file.slice(0, -2);
  const text = readFileSync(join(SRC, file), 'utf8');
  const targets = [...text.matchAll(/^#include "(.+)\.h"$/gm)].map(([, target = '']) => target);
  const others = targets.filter((target) => target !== name && target !== 'protocol');
  includes.set(name, new Set([...(includes.get(name) ?? []), ...others]));
}

function folderOf(module: string): string {
  return module.includes('/') ? (module.split('/')[0] ?? '') : '.';
}

/** Returns the modules of the first circle that is reachable from `module`, or undefined. */
function findCircle(module: string, done: Set<string>, path: string[]): string[] | undefined {
  if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
  if (done.has(module)) return undefined;
  for (const target of includes.get(module) ?? []) {
    const circle = findCircle(target, done, [...path, module]);
    if (circle !== undefined) return circle;
  }
  done.add(module);
  return undefined;
}

it('every include of guest/src names a file of it by its path', () => {
  const wrong = [...includes].flatMap(([module, targets]) =>
    [...targets].filter((target) => !includes.has(target)).map((target) => `${module}: ${target}`),
  );
  expect(includes.size).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});

it('no two modules of guest/src include each other, directly or through others', () => {
  const done = new Set<string>();
  for (const module of includes.keys()) expect(findCircle(module, done, [])).toBeUndefined();
});

it('a folder of guest/src includes only lower rows of the table in guest/README.md', () => {
  const tops = folders.filter((name) => !name.includes('/'));
  expect([...new Set([...includes.keys()].map(folderOf))].toSorted()).toEqual(tops.toSorted());
  const wrong: string[] = [];
  for (const [module, targets] of includes) {
    for (const target of targets) {
      if (tops.indexOf(folderOf(target)) < tops.indexOf(folderOf(module))) {
        wrong.push(`${module} includes ${target}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

it('guest/README.md lists every module of guest/src in the row of its folder', () => {
  const rows = README.slice(README.indexOf('| folder |'), README.indexOf('## Failure')).split('\n');
  const listed: string[] = [];
  let folder = '';
  for (const row of rows.slice(2)) {
    const [, first = '', modules = ''] = row.split('|').map((cell) => cell.trim());
    if (first !== '') folder = first.replaceAll('`', '').replace(/^\.$|\/$/g, '');
    const names = [...modules.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name);
    listed.push(...names.map((name) => (folder === '' ? name : `${folder}/${name}`)));
  }
  expect(listed.toSorted()).toEqual([...includes.keys()].toSorted());
});
