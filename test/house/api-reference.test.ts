import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';
import { sdkExports } from './sdk-exports.ts';

const ROOT = resolve(import.meta.dirname, '../..');

function readPages(directory: string): Record<string, string> {
  const names = readdirSync(directory);
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  );
}
const pages = readPages(join(ROOT, 'docs/api'));

it('docs/api is what `npm run docs:api` writes', { timeout: 120_000 }, () => {
  const directory = temporaryDirectory();
  execFileSync(process.execPath, [join(ROOT, 'scripts/api-reference.mjs'), directory]);
  expect(pages).toEqual(readPages(directory));
});

it('docs/api has an entry with text, declaration and example for each export', () => {
  const index = pages['README.md'] ?? '';
  for (const { name, example } of sdkExports()) {
    const page = new RegExp(`\\[\`${name}\`\\]\\((\\w+\\.md)#`).exec(index)?.[1] ?? '';
    const [, entry = ''] = (pages[page] ?? '').split(`\n## \`${name}\`\n`);
    const [own = ''] = entry.split('\n## ');
    expect(own.trim()).toMatch(/^[\p{L}`].*?```ts\n.*```/su);
    expect(own).toContain(example.trim());
  }
});
