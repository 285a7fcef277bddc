import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const schema: Schema = JSON.parse(
  readFileSync(join(ROOT, 'schema/build-config.schema.json'), 'utf8'),
);

function keysBelow({ properties = {} }: Schema, prefix = ''): [string, Schema][] {
  return Object.entries(properties).flatMap(([name, below]) => [
    [prefix + name, below] as [string, Schema],
    ...keysBelow(below, `${prefix}${name}.`),
  ]);
}

it('docs/images.md has each key of a build configuration, and no other', () => {
  const docs = readFileSync(join(ROOT, 'docs/images.md'), 'utf8');
  const [, table = ''] = /\| key \| means \|\n((?:\|.*\n)+)/.exec(docs) ?? [];
  const rows = table.split('\n').map((row) => row.split(' | ')[0] ?? '');
  const named = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.toSorted()).toEqual(
    keysBelow(schema)
      .map(([key]) => key)
      .toSorted(),
  );
});

it('each key of a build configuration has a description, and the schema compiles', () => {
  for (const [key, part] of keysBelow(schema)) expect(part.description, key).toMatch(/\.$/);
  const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });
  expect(ajv.compile(schema)({})).toBe(true);
});
