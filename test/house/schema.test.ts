import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const docs = readFileSync(join(ROOT, 'docs/config.md'), 'utf8');

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode | false>>;
  readonly definitions?: Readonly<Record<string, SchemaNode>>;
  readonly description?: string;
  readonly $ref?: string;
}

const schema: SchemaNode = JSON.parse(
  readFileSync(join(ROOT, 'schema/gondolin.schema.json'), 'utf8'),
);

/** Every key of the schema with its node. */
function keysOf(node: SchemaNode): [string, SchemaNode][] {
  const own = Object.entries(node.properties ?? {}).filter(
    (entry): entry is [string, SchemaNode] => entry[1] !== false,
  );
  const below = [...own.map(([, child]) => child), ...Object.values(node.definitions ?? {})];
  return [...own, ...below.flatMap(keysOf)];
}

const keys = keysOf(schema);

it('docs/config.md has a row for each key of the schema', () => {
  expect(keys.length).toBeGreaterThan(40);
  expect(keys.map(([key]) => key).filter((key) => !docs.includes(`| \`${key}\` |`))).toEqual([]);
});

it('each row of docs/config.md is a key of the schema', () => {
  const names = new Set(keys.map(([key]) => key));
  const rows = [...docs.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] ?? '');
  expect(rows.filter((row) => !names.has(row))).toEqual([]);
});

it('each key of the schema has a description for editors', () => {
  const bare = keys.filter(([, node]) => node.description === undefined && node.$ref === undefined);
  expect(bare.map(([key]) => key)).toEqual([]);
});
