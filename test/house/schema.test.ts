import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { ISSUE_HINTS } from '../../src/config/issue.ts';
import { readText } from '../fixtures/project-text.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const docs = readFileSync(join(ROOT, 'docs/config.md'), 'utf8');

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

const schema: Schema = JSON.parse(readFileSync(join(ROOT, 'schema/gondolin.schema.json'), 'utf8'));

/** The schema with its reference followed; what stands beside the reference wins. */
function followed(part: Schema): Schema {
  if (part.$ref === undefined) return part;
  let target: unknown = schema;
  for (const key of part.$ref.split('/').slice(1)) {
    target = typeof target === 'object' && target !== null ? Reflect.get(target, key) : undefined;
  }
  const { $ref: _ref, ...beside } = part;
  return { ...followed(target as Schema), ...beside };
}

interface Key {
  readonly path: string;
  readonly part: Schema;
  readonly isRequired: boolean;
}

/** Every key below a part of the schema; `*` is any name, `[]` any item. */
function keysBelow(part: Schema, path: string): Key[] {
  const { properties = {}, required = [], items, additionalProperties: others } = followed(part);
  const own = Object.entries(properties).flatMap(([name, below]) => {
    const below1 = followed(below);
    const key = {
      path: path === '' ? name : `${path}.${name}`,
      part: below1,
      isRequired: required.includes(name),
    };
    return [key, ...(name === 'defaults' ? [] : keysBelow(below1, key.path))];
  });
  const inItems = items === undefined ? [] : keysBelow(items, `${path}[]`);
  const inOthers = typeof others === 'object' ? keysBelow(others, `${path}.*`) : [];
  return [...own, ...inItems, ...inOthers];
}

const all = keysBelow(schema, '');
const sandboxKeys = all.flatMap(({ path }) => /^sandboxes\.\*\.(\w+)$/.exec(path)?.[1] ?? []);
/** The flat form repeats the keys of a sandbox: they are documented once. */
const keys = all.filter(({ path }) => !sandboxKeys.includes(/^\w+/.exec(path)?.[0] ?? ''));

const rows = new Map(
  [...docs.matchAll(/^\| `([\w.*[\]]+)` \| (.*?) \| /gm)].map((row) => [
    row[1] ?? '',
    row[2] ?? '',
  ]),
);

it('docs/config.md has one row for each key of the schema, and no other', () => {
  expect([...rows.keys()].toSorted()).toEqual(keys.map(({ path }) => path).toSorted());
});

it('docs/config.md names the defaults of the schema', () => {
  for (const { path, part } of keys.filter((key) => key.part.default !== undefined)) {
    const text = typeof part.default === 'string' ? part.default : JSON.stringify(part.default);
    expect(rows.get(path), path).toBe(`\`${text}\``);
  }
});

it('every key has a description, and a default or a word on what its absence means', () => {
  // One of the two is wanted, which the schema says with oneOf.
  const eitherOr = [
    ...['images.*.build', 'images.*.path', 'sandboxes.*.volumes[].source'],
    ...['env', 'file', 'command'].map((key) => `sandboxes.*.secrets[].from.${key}`),
  ];
  for (const { path, part, isRequired } of keys) {
    expect(part.description, path).toMatch(/[.`]$/);
    const isSaid =
      isRequired || part.default !== undefined || /Default:/.test(part.description ?? '');
    expect(isSaid || eitherOr.includes(path), path).toBe(true);
  }
});

it('the flat form has the keys of a sandbox', () => {
  const top = Object.keys(schema.properties ?? {});
  expect(sandboxKeys.filter((key) => !top.includes(key))).toEqual([]);
});

it('the schema compiles in ajv strict mode, and each default fits its own key', () => {
  const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });
  ajv.addSchema(schema, 'gondolin');
  for (const { path, part } of keys.filter((key) => key.part.default !== undefined)) {
    const definitions = Reflect.get(schema, 'definitions');
    const { default: value, ...rest } = part;
    expect(ajv.validate({ ...rest, definitions }, value), path).toBe(true);
  }
});

it('a key left out means the same as its default written down', () => {
  const defaultOf = (path: string) => keys.find((key) => key.path === path)?.part.default;
  const below = (prefix: string) =>
    Object.fromEntries(
      keys
        .filter(({ path, part }) => path.startsWith(prefix) && part.default !== undefined)
        .map(({ path }) => [path.slice(prefix.length), defaultOf(path)])
        .filter(([name]) => /^\w+$/.test(String(name))),
    );
  const step = { run: 'ls', ...below('sandboxes.*.steps[].') };
  const sandbox = {
    ...below('sandboxes.*.'),
    resources: below('sandboxes.*.resources.'),
    network: below('sandboxes.*.network.'),
    steps: [step],
  };
  const written = { version: defaultOf('version'), sandboxes: { p: sandbox } };
  expect(readText(JSON.stringify(written))).toEqual(readText('steps: [{ run: ls }]\n'));
});

it('docs/config.md lists each issue code, and no other', () => {
  const section = docs.slice(docs.indexOf('## Issue codes'));
  const listed = [...section.matchAll(/^\| `(\w+)` \|/gm)].map((row) => row[1]);
  expect(listed.toSorted()).toEqual(Object.keys(ISSUE_HINTS).toSorted());
});
