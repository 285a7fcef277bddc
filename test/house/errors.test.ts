import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { CODES } from '../../src/errors/codes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const codes = Object.keys(CODES);

function textBelow(directory: string): string {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('errors/codes.ts'))
    .map((name) => readFileSync(join(ROOT, directory, name), 'utf8'))
    .join('\n');
}

it('docs/errors.md has one row for each code, with its exit code, and no other', () => {
  const docs = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
  const rows = [...docs.matchAll(/^\| `([A-Z_0-9]+)` \| (\d+) \|/gm)].map((row) => [
    row[1],
    Number(row[2]),
  ]);
  const table = Object.entries(CODES).map(([code, { exit }]) => [code, exit]);
  const byCode = (a: unknown[], b: unknown[]) => String(a[0]).localeCompare(String(b[0]));
  expect(rows.toSorted(byCode)).toEqual(table.toSorted(byCode));
});

it('every code is raised by the source', () => {
  const source = textBelow('src');
  expect(codes.filter((code) => !source.includes(`'${code}'`))).toEqual([]);
});

it('every code is expected by a test', () => {
  const tests = textBelow('test');
  expect(codes.filter((code) => !tests.includes(`'${code}'`))).toEqual([]);
});

it('every hint is a sentence', () => {
  for (const [code, { hint }] of Object.entries(CODES))
    expect(hint, code).toMatch(/^[A-Z`].*[.?]$/s);
});
