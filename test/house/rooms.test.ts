import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** The table of docs/architecture.md: a room may import strictly lower rows, and itself. */
const ROWS: Record<string, number> = {
  errors: 0,
  util: 0,
  protocol: 1,
  host: 1,
  config: 2,
  mux: 2,
  plan: 3,
  image: 4,
  machine: 4,
  agent: 4,
  net: 4,
  vfs: 4,
  vm: 5,
  project: 6,
  session: 6,
  cli: 7,
  'index.ts': 7,
};

const PACKAGE_ROOMS: Record<string, readonly string[]> = {
  execa: ['host', 'image'],
  koffi: ['host'],
  yaml: ['config'],
  ajv: ['config'],
  commander: ['cli'],
  listr2: ['cli'],
  undici: ['net'],
  'node-forge': ['net'],
  'dns-packet': ['net'],
  picomatch: ['net', 'plan', 'project'],
};

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

it('npm packages are imported in their rooms only', () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const target of importsOf(file)) {
      const rooms = PACKAGE_ROOMS[target.split('/')[0] ?? ''];
      const isBuiltIn = target.startsWith('node:') || target.startsWith('.');
      if (!isBuiltIn && !rooms?.includes(roomOf(file))) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

it('process.exit, console and process.env stand only where a program starts or a fact is read', () => {
  const wrong: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(SRC, file), 'utf8');
    if (/process\.exit\(/.test(text) && file !== 'cli/bin.ts') wrong.push(`${file}: process.exit`);
    if (/\bconsole\.\w+\(/.test(text)) wrong.push(`${file}: console`);
    if (/process\.env/.test(text) && !['host', 'cli', 'config'].includes(roomOf(file))) {
      wrong.push(`${file}: process.env`);
    }
  }
  expect(wrong).toEqual([]);
});
