import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** Names that two files declare, with the reason. */
const DECLARED_TWICE: Readonly<Record<string, string>> = {
  integer: 'net/tls/asn1.ts is always imported as `asn1`; the other is a JSON decoder',
};

const DECLARATION =
  /^export (?:async |abstract )*(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm;

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

it('an exported name of src is declared in one file', () => {
  const places = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [, name = ''] of readFileSync(join(SRC, file), 'utf8').matchAll(DECLARATION)) {
      places.set(name, (places.get(name) ?? new Set()).add(file));
    }
  }
  expect(places.size).toBeGreaterThan(1000);
  const twice = [...places].filter(([name, found]) => found.size > 1 && !(name in DECLARED_TWICE));
  expect(twice.map(([name, found]) => `${name}: ${[...found].join(', ')}`)).toEqual([]);
});
