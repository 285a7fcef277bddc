import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const DECISIONS = join(ROOT, 'docs/decisions');
const records = readdirSync(DECISIONS).sort();

function read(name: string): string {
  return readFileSync(join(DECISIONS, name), 'utf8');
}

it('decision records are numbered without a gap', () => {
  const numbers = records.map((name) => Number(name.slice(0, 4)));
  expect(numbers).toEqual(records.map((_, index) => index + 1));
});

it('a decision record opens with the number of its file and has its four parts', () => {
  const wrong = records.filter((name) => {
    const text = read(name);
    const hasNumber = text.startsWith(`# ${Number(name.slice(0, 4))}. `);
    return (
      !hasNumber ||
      !['Context', 'Choice', 'Consequence'].every((part) => text.includes(`**${part}`))
    );
  });
  expect(wrong).toEqual([]);
});

it('the record of dependencies has a row for each npm dependency, and no other', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const rows = [...read('0008-dependencies.md').matchAll(/^\| `([^`]+)` \|/gm)].map(
    ([, name]) => name,
  );
  expect(rows).toEqual(Object.keys(manifest.dependencies).sort());
});
