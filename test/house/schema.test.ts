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
  readonly enum?: readonly unknown[];
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
    ...['build', 'path', 'tag', 'oci', 'alpine', 'dockerfile'].map((key) => `images.*.${key}`),
    'sandboxes.*.volumes[].source',
    ...['env', 'file', 'command'].flatMap((key) => [
      `sandboxes.*.secrets[].from.${key}`,
      `sandboxes.*.network.upstream_proxy.credentials.${key}`,
    ]),
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

/** A project in which every map and list of the format is present, so that each key has a place. */
const BASE = {
  include: [] as string[],
  args: { p: { default: 'one' } },
  functions: { p: { handler: './a.txt' } },
  images: {
    i: { build: { distro: 'debian', debian: {} }, setup: ['true'] },
    j: { path: './src' },
    t: { tag: 'tools' },
    k: { oci: 'a:1' },
    l: { alpine: { version: '3.23' } },
    m: { dockerfile: './a.txt', args: {} },
  },
  sandboxes: {
    p: {
      image: 'i',
      resources: {},
      matrix: { node: ['20', '22'] },
      env: { FROM_ARG: '${args.p}' },
      env_file: [{ path: './v.env' }],
      volumes: [
        { type: 'bind', source: './src', target: 'a' },
        { type: 'memory', target: 'b' },
        { type: 'copy', source: './src', target: 'c' },
      ],
      network: {
        ssh: [{ hosts: ['s.test'], key: './a.txt' }],
        rules: [{ host: 'a.test' }],
        upstream_proxy: { url: 'http://proxy.test:3128' },
      },
      ports: [{ target: 80, published: 81 }],
      secrets: [{ name: 'T', hosts: ['h.test'] }],
      steps: [{ run: 'ls' }, { name: 'two', run: 'id' }],
      run: 'serve',
      healthcheck: { test: 'ready' },
      reports: {},
      depends_on: { q: {} },
      watch: { rules: [{ path: './src' }] },
    },
    q: { image: 'j', steps: ['ls'] },
    s: { image: 'k' },
    t: { image: 'l' },
    u: { image: 't' },
    v: { image: 'm' },
  },
};

/** A value other than the default, for each key that is not a flag, a number or one of a few words. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  functions: { p: { handler: './a.txt' }, r: { handler: './a.txt' } },
  'functions.*.handler': './b.yaml',
  'functions.*.timeout': '1m',
  'functions.*.memory': '1GiB',
  'functions.*.env': { A: '1' },
  name: 'other',
  include: './b.yaml',
  defaults: { resources: { cpus: 7 } },
  images: { ...BASE.images, i: { path: './src' } },
  sandboxes: { ...BASE.sandboxes, r: {} },
  'images.*.build': { distro: 'debian', debian: { packages: ['git'] } },
  'images.*.build.debian': { packages: ['git'] },
  'images.*.build.debian.release': 'trixie',
  'images.*.build.debian.packages': ['git'],
  'images.*.build.debian.mirror': 'https://deb.example.com/debian',
  'images.*.build.debian.snapshot': '2026-11-01T00:00:00Z',
  'images.*.alpine': { version: 'edge' },
  'images.*.alpine.version': '3.22',
  'images.*.alpine.branch': 'edge',
  'images.*.alpine.packages': ['curl'],
  'images.*.alpine.mirror': 'https://mirror.example.com/alpine',
  'images.*.alpine.keys': './src',
  'images.*.path': './src/deep',
  'images.*.tag': 'other:2',
  'images.*.oci': 'a:2',
  'images.*.dockerfile': './b.yaml',
  'images.*.context': './src',
  'images.*.args': { A: '1' },
  'images.*.target': 'test',
  'images.*.secrets': ['T@h.test'],
  'images.*.setup': ['id'],
  'images.*.network': { allowed_hosts: ['a.test'] },
  'images.*.network.allowed_hosts': ['a.test'],
  'images.*.network.allowed_private': ['a.test'],
  'images.*.network.extra_hosts': ['a.test:10.0.0.1'],
  args: { p: { default: 'two' } },
  'args.*.default': 'two',
  'sandboxes.*.profiles': ['ci'],
  'sandboxes.*.artifacts': ['coverage/**'],
  'sandboxes.*.reports': { junit: 'out.xml' },
  'sandboxes.*.reports.junit': ['out/*.xml'],
  'sandboxes.*.matrix': { node: ['20'] },
  'sandboxes.*.matrix.include': [{ node: '24' }],
  'sandboxes.*.matrix.exclude': [{ node: '22' }],
  'sandboxes.*.image': 'debian',
  'sandboxes.*.resources': { cpus: 3 },
  'sandboxes.*.resources.memory': '1GiB',
  'sandboxes.*.resources.disk': '1GiB',
  'sandboxes.*.resources.timeout': '1m',
  'sandboxes.*.workspace': '/work',
  'sandboxes.*.user': '1000',
  'sandboxes.*.env': { A: '1' },
  'sandboxes.*.env_file': [],
  'sandboxes.*.env_file[].path': './w.env',
  'sandboxes.*.volumes': [],
  'sandboxes.*.volumes[].source': './a.txt',
  'sandboxes.*.volumes[].target': 'elsewhere',
  'sandboxes.*.volumes[].size': '1MiB',
  'sandboxes.*.hide': ['.env'],
  'sandboxes.*.network': { mode: 'open' },
  'sandboxes.*.network.allowed_hosts': ['b.test'],
  'sandboxes.*.network.denied_hosts': ['b.test'],
  'sandboxes.*.network.allowed_private': ['b.test'],
  'sandboxes.*.network.extra_hosts': ['b.test:127.0.0.1'],
  'sandboxes.*.network.ca': ['./a.txt'],
  'sandboxes.*.network.passthrough': ['b.test'],
  'sandboxes.*.network.rules': [],
  'sandboxes.*.network.rules[].host': 'b.test',
  'sandboxes.*.network.rules[].methods': ['GET'],
  'sandboxes.*.network.rules[].paths': ['/x'],
  'sandboxes.*.network.rules[].reason': 'only public repositories',
  'sandboxes.*.network.policy_script': './a.txt',
  'sandboxes.*.network.upstream_proxy': 'socks5://proxy.test',
  'sandboxes.*.network.upstream_proxy.url': 'https://proxy.test',
  'sandboxes.*.network.upstream_proxy.credentials': { env: 'PROXY' },
  'sandboxes.*.network.upstream_proxy.credentials.env': 'PROXY',
  'sandboxes.*.network.upstream_proxy.credentials.file': './a.txt',
  'sandboxes.*.network.upstream_proxy.credentials.command': 'pass show proxy',
  'sandboxes.*.network.upstream_proxy.no_proxy': ['b.test'],
  'sandboxes.*.network.ssh': [],
  'sandboxes.*.network.ssh[].hosts': ['t.test'],
  'sandboxes.*.network.ssh[].user': 'git',
  'sandboxes.*.network.ssh[].key': './v.env',
  'sandboxes.*.network.ssh[].known_hosts': ['./a.txt'],
  'sandboxes.*.network.ssh[].commands': ['git-upload-pack org/a.git'],
  'sandboxes.*.ports': [80],
  'sandboxes.*.ports[].target': 82,
  'sandboxes.*.ports[].published': 83,
  'sandboxes.*.ports[].host_ip': '::1',
  'sandboxes.*.secrets': [],
  'sandboxes.*.secrets[].name': 'U',
  'sandboxes.*.secrets[].hosts': ['i.test'],
  'sandboxes.*.secrets[].headers': ['authorization'],
  'sandboxes.*.secrets[].from': { env: 'OTHER' },
  'sandboxes.*.secrets[].from.env': 'OTHER',
  'sandboxes.*.secrets[].from.file': './a.txt',
  'sandboxes.*.secrets[].from.command': 'pass show t',
  'sandboxes.*.run': ['serve', '-v'],
  'sandboxes.*.restart': 'on-failure:3',
  'sandboxes.*.stop_signal': 'SIGINT',
  'sandboxes.*.stop_grace_period': '1m',
  'sandboxes.*.healthcheck': { test: ['CMD', 'ready'] },
  'sandboxes.*.healthcheck.test': 'other',
  'sandboxes.*.healthcheck.interval': '1s',
  'sandboxes.*.healthcheck.timeout': '1s',
  'sandboxes.*.healthcheck.start_period': '1s',
  'sandboxes.*.healthcheck.start_interval': '1s',
  'sandboxes.*.depends_on': [],
  'sandboxes.*.depends_on.*.condition': 'started',
  'sandboxes.*.watch': { while_running: 'queue' },
  'sandboxes.*.watch.debounce': '1s',
  'sandboxes.*.watch.ignore': ['*.log'],
  'sandboxes.*.watch.rules': [],
  'sandboxes.*.watch.rules[].path': './a.txt',
  'sandboxes.*.watch.rules[].ignore': ['*.log'],
  'sandboxes.*.watch.rules[].from': 'two',
  'sandboxes.*.steps': [{ run: 'pwd' }],
  'sandboxes.*.steps[].name': 'other',
  'sandboxes.*.steps[].run': 'pwd',
  'sandboxes.*.steps[].needs': ['two'],
  'sandboxes.*.steps[].timeout': '1m',
  'sandboxes.*.steps[].env': { A: '1' },
  'sandboxes.*.steps[].cwd': 'deep',
  'sandboxes.*.steps[].success_exit_codes': [0, 2],
  'sandboxes.*.steps[].inputs': ['./a.txt'],
};

/** Keys that change nothing in a valid project. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  version: 'has one value',
  'args.*.enum': 'only decides which values are mistakes',
  'args.*.pattern': 'only decides which values are mistakes',
  'images.*.build.distro': 'has one value',
  'sandboxes.*.env_file[].required': 'only decides whether a missing file is a mistake',
  'sandboxes.*.volumes[].type': 'chooses which other keys are allowed',
};

function otherValue({ path, part }: Key): unknown {
  if (Object.hasOwn(SAMPLES, path)) return SAMPLES[path];
  if (typeof part.default === 'boolean') return !part.default;
  if (typeof part.default === 'number') return part.default + 1;
  const other = part.enum?.find((value) => value !== part.default);
  if (other === undefined) throw new Error(`SAMPLES has no value for ${path}`);
  return other;
}

/** Sets a key in the first item of each list, or where it only fits another: the second. */
function withValue(path: string, value: unknown): string {
  const document: unknown = structuredClone(BASE);
  const item = { size: '1', gitignore: '2' }[/volumes\[\]\.(\w+)$/.exec(path)?.[1] ?? ''] ?? '0';
  const images: Readonly<Record<string, string>> = {
    'images.*.path': 'j',
    'images.*.oci': 'k',
    'images.*.tag': 't',
    'images.*.pull': 'k',
    ...Object.fromEntries(
      ['dockerfile', 'context', 'args', 'target', 'secrets'].map((key) => [`images.*.${key}`, 'm']),
    ),
    'images.*.arch': 'k',
  };
  const image = path.startsWith('images.*.alpine') ? 'l' : (images[path] ?? 'i');
  // A service is not split.
  const sandbox = path === 'sandboxes.*.shards' ? 'q' : 'p';
  const name = path.startsWith('images') ? image : sandbox;
  const parts = path.replaceAll('[]', `.${item}`).replace('*', name).replace('*', 'q').split('.');
  const last = parts.pop() ?? '';
  let parent = document as Record<string, unknown>;
  for (const part of parts) {
    parent[part] ??= {};
    parent = parent[part] as Record<string, unknown>;
  }
  parent[last] = value;
  return JSON.stringify(document);
}

const FILES = {
  '/p/b.yaml': 'defaults: { resources: { cpus: 9 } }\n',
  '/p/v.env': 'A=file\n',
  '/p/w.env': 'B=file\n',
  '/p/src/deep': null,
};

it.each(keys.filter(({ path }) => !Object.hasOwn(WITHOUT_EFFECT, path)))(
  'the key $path is read: another value gives another Config',
  (key) => {
    const base = readText(JSON.stringify(BASE), { files: FILES });
    const changed = readText(withValue(key.path, otherValue(key)), { files: FILES });
    expect(changed).not.toEqual(base);
  },
);

it('docs/config.md lists each issue code, and no other', () => {
  const section = docs.slice(docs.indexOf('## Issue codes'));
  const listed = [...section.matchAll(/^\| `(\w+)` \|/gm)].map((row) => row[1]);
  expect(listed.toSorted()).toEqual(Object.keys(ISSUE_HINTS).toSorted());
});
