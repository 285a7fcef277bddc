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

it('documents cite a decision as a link to its record', () => {
  const pages = [
    ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'guest/README.md'],
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ];
  const citations = pages.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const cited = /(\[)?\b(decision|record)s? (\d+)\b(?:\]\(([^)]*)\))?/gi;
    return [...text.matchAll(cited)].map(([all, , word = '', number, link = '']) => {
      const record = `${String(number).padStart(4, '0')}-`;
      const isLink = word === 'decision' && link.split('/').at(-1)?.startsWith(record) === true;
      return { isLink, text: `${page}: ${all}` };
    });
  });
  expect(citations.length).toBeGreaterThan(10);
  expect(citations.filter(({ isLink }) => !isLink).map(({ text }) => text)).toEqual([]);
});
