import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const EXEMPT = new Set([
  // Another check compares it, name by name, with what the guest is compiled with.
  'src/protocol/constants.ts',
]);
/** Classes stand for what functions give, as interfaces do: they may be exported for their name alone. */
const EXPORTED = /^export (?:async )?(?:function\*?|const) (\w+)/gm;

const texts = new Map(
  ['src', 'test', 'bench'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name))
      .map((name) => [name, readFileSync(join(ROOT, name), 'utf8')] as const),
  ),
);

/** Files that each word stands in. */
const places = new Map<string, Set<string>>();
for (const [file, text] of texts) {
  for (const word of new Set(text.match(/\w+/g))) {
    places.set(word, (places.get(word) ?? new Set()).add(file));
  }
}

it('every function and constant that a file of src exports stands in another file too', () => {
  const unused: string[] = [];
  for (const [file, text] of texts) {
    if (!file.startsWith('src/') || EXEMPT.has(file)) continue;
    for (const [, name = ''] of text.matchAll(EXPORTED)) {
      if ((places.get(name)?.size ?? 0) < 2) unused.push(`${file}: ${name}`);
    }
  }
  expect(unused).toEqual([]);
});
