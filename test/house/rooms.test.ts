import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** The table of docs/architecture.md: a room may import strictly lower rows, and itself; packages live where it says. */
const table = readFileSync(join(SRC, '../docs/architecture.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| \d \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .flatMap(([, row, folders = '', , packages = '']) =>
    [...folders.matchAll(/`([^`]+?)\/?`/g)].map(([, room = '']) => ({
      ...{ room, row: Number(row) },
      packages: packages === '' ? [] : packages.split(', '),
    })),
  );
const ROWS = Object.fromEntries(table.map(({ room, row }) => [room, row]));

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const pattern = /(?:from\s+|import\s*\(\s*|import\s+)'([^']+)'/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? '';
}

it('every room has a row', () => {
  expect(files.map(roomOf).filter((room) => ROWS[room] === undefined)).toEqual([]);
});

it('rooms import strictly lower rows only', () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const target of importsOf(file).filter((name) => name.startsWith('.'))) {
      const room = roomOf(relative(SRC, resolve(dirname(join(SRC, file)), target)));
      const isAllowed = room === roomOf(file) || (ROWS[room] ?? 99) < (ROWS[roomOf(file)] ?? -1);
      if (!isAllowed && !room.startsWith('..')) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

it('every room imports the npm packages of its line, and no other', () => {
  const imported = new Map(table.map(({ room }) => [room, new Set<string>()]));
  for (const file of files) {
    for (const target of importsOf(file)) {
      const isBuiltIn = target.startsWith('node:') || target.startsWith('.');
      if (!isBuiltIn) imported.get(roomOf(file))?.add(target.split('/')[0] ?? '');
    }
  }
  for (const { room, packages } of table) {
    const found = [...(imported.get(room) ?? [])].sort();
    // The SDK's face shares its line with the commands.
    if (room !== 'index.ts') expect({ room, found }).toEqual({ room, found: packages.toSorted() });
  }
});

it('process.exit, console and process.env stand only where a program starts or a fact is read', () => {
  const wrong: string[] = [];
  for (const file of files) {
    // The examples in docstrings may print.
    const text = readFileSync(join(SRC, file), 'utf8').replace(/^ *\*.*$/gm, '');
    if (/process\.exit\(/.test(text) && file !== 'cli/bin.ts') wrong.push(`${file}: process.exit`);
    if (/\bconsole\.\w+\(/.test(text)) wrong.push(`${file}: console`);
    if (/process\.env/.test(text) && !['host', 'cli', 'config'].includes(roomOf(file))) {
      wrong.push(`${file}: process.env`);
    }
  }
  expect(wrong).toEqual([]);
});
