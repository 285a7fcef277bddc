import { describe, expect, it } from 'vitest';
import { DEFAULT_NETWORK } from '../../../../src/config/defaults.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

it('the smallest file has every default', () => {
  expect(readText('image: debian\nsteps:\n  - run: uname -a\n')).toEqual({
    name: 'p',
    directory: '/p',
    files: ['/p/gondolin.yaml'],
    functions: [],
    sandboxes: [
      {
        name: 'p',
        matrix: {},
        matrixOf: null,
        profiles: [],
        artifacts: [],
        reports: { junit: [] },
        shards: 1,
        image: {
          name: 'debian',
          path: null,
          tag: null,
          oci: null,
          pull: 'missing',
          alpine: null,
          dockerfile: null,
          arch: 'host',
          release: 'host',
          packages: [],
          mirror: 'host',
          snapshot: null,
          setup: [],
          network: { allowedHosts: [], allowedPrivate: [], extraHosts: [] },
        },
        cpus: 1,
        memoryBytes: 512 * 2 ** 20,
        timeoutMs: null,
        root: 'memory',
        diskBytes: 8 * 2 ** 30,
        workspace: '/workspace',
        user: '',
        env: {},
        envOutputs: {},
        maskedEnv: [],
        envFiles: [],
        volumes: [{ kind: 'memory', guestPath: '/workspace', sizeBytes: 256 * 2 ** 20 }],
        network: DEFAULT_NETWORK,
        secrets: [],
        hide: [],
        ports: [],
        onWritableCode: 'fail',
        service: null,
        dependsOn: [],
        watch: {
          debounceMs: 100,
          whileRunning: 'cancel',
          ignore: [],
          directory: '/p',
          rules: [],
        },
        steps: [
          {
            name: 'uname -a',
            run: 'uname -a',
            runOutputs: null,
            envOutputs: {},
            needs: [],
            when: 'on_success',
            timeoutMs: null,
            retries: 0,
            env: {},
            cwd: '/workspace',
            successExitCodes: [0],
            continueOnError: false,
            inEveryShard: false,
            checkpoint: false,
            inputs: [],
            maskedEnv: [],
          },
        ],
      },
    ],
  });
});

it('defaults are merged under each sandbox', () => {
  const text =
    'defaults: { resources: { cpus: 2, timeout: 1m }, env: { A: d } }\nsandboxes:\n  a: {}\n  b: { resources: { cpus: 3 }, env: { B: "1" } }\n';
  expect(readText(text).sandboxes).toMatchObject([
    { name: 'a', cpus: 2, timeoutMs: 60_000, env: { A: 'd' } },
    { name: 'b', cpus: 3, timeoutMs: 60_000, env: { A: 'd', B: '1' } },
  ]);
});

it('a mistake in defaults is reported once for all sandboxes', () => {
  const text = 'defaults: { volumes: ["./no:x"] }\nsandboxes: { a: {}, b: {} }\n';
  expect(issuesOfText(text)).toEqual(['1:23 path_missing']);
});

describe('bad files', () => {
  it.each([
    ['', '1:1 no_sandbox'],
    ['- a\n', '1:1 wrong_type'],
    ['version: 2\nimage: debian\n', '1:10 bad_value'],
    ['name: Shop\nimage: debian\n', '1:7 bad_value'],
    ['sandboxes: {}\n', '1:12 bad_value'],
    ['sandboxes: { a: }\n', '1:17 wrong_type'],
    ['image: debian\nsandboxes: { a: {} }\n', '1:1 form_conflict'],
    ['image: [debian]\n', '1:8 wrong_type'],
    ['image: debain\n', '1:8 unknown_image'],
    ['images: { a: { path: ./nope } }\nimage: a\n', '1:22 path_missing'],
    ['images: { a: { build: {} } }\nimage: a\n', '1:23 missing_key'],
    [
      'images: { a: { build: { distro: debian, debian: { packages: [Node] } } } }\n',
      '1:62 bad_value',
    ],
    [
      'images: { a: { build: { distro: debian, debian: { packages: ["a b"] } } } }\n',
      '1:62 bad_value',
    ],
    [
      'images: { a: { build: { distro: debian, debian: { release: "a b" } } } }\n',
      '1:60 bad_value',
    ],
    [
      'images: { a: { build: { distro: debian, debian: { mirror: "http://x [trusted=yes]" } } } }\n',
      '1:59 bad_value',
    ],
    ['resources: { cpus: 0 }\n', '1:20 bad_value'],
    ['resources: { cpus: 65 }\n', '1:20 bad_value'],
    ['resources: { cpus: 1.5 }\n', '1:20 wrong_type'],
    ['resources: { cpus: two }\n', '1:20 wrong_type'],
    ['resources: { memory: 63MiB }\n', '1:22 bad_value'],
    ['resources: { memory: 2TiB }\n', '1:22 bad_value'],
    ['resources: { timeout: 5 minutes }\n', '1:23 bad_value'],
    ['root: writable\n', '1:7 bad_value'],
    ['workspace: work\n', '1:12 bad_value'],
    ['user: "a b"\n', '1:7 bad_value'],
    ['user: "1:2:3"\n', '1:7 bad_value'],
    ['user: -1\n', '1:7 bad_value'],
    ['steps: ls\n', '1:8 wrong_type'],
    ['steps: []\n', '1:8 bad_value'],
    ['imge: debian\n', '1:1 unknown_key'],
    ['sandboxes:\n  a:\n    stps: [x]\n', '3:5 unknown_key'],
  ])('%j is %s', (text, want) => {
    expect(issuesOfText(text)).toEqual([want]);
  });
});

it('`root: disk` has a size of its own, and its workspace is on it', () => {
  const [sandbox] = readText('root: disk\nresources: { disk: 1GiB }\n').sandboxes;
  expect(sandbox).toMatchObject({ root: 'disk', diskBytes: 2 ** 30, volumes: [] });
  expect(readText('root: disk\n').sandboxes[0]?.diskBytes).toBe(8 * 2 ** 30);
  expect(errorOf('root: disk\nresources: { disk: 1MiB }\n')[0]?.code).toBe('bad_value');
  expect(errorOf('image: debian\ndisk: 8GiB\n')[0]?.hint).toContain('resources');
});

it('watch: reads rules with paths at its file, and reports steps and services that are not there', () => {
  const head = 'steps: [{ name: unit, run: a }]\nwatch:\n  debounce: 1s\n  rules:\n';
  const [sandbox] = readText(
    `${head}    - { path: ./src, ignore: ["*.log"], from: unit }\n`,
  ).sandboxes;
  const rule = { path: '/p/src', ignore: ['*.log'], action: 'rerun', from: 'unit' };
  expect(sandbox?.watch).toMatchObject({ debounceMs: 1_000, rules: [rule] });
  expect(
    issuesOfText(`${head}    - { path: a, from: unti }\n    - { path: b, action: restart }\n`),
  ).toEqual(['5:24 unknown_need', '6:26 needs_run']);
  expect(issuesOfText(`${head}    - { path: a, action: rebuild, from: unit }\n`)).toEqual([
    '5:41 bad_value',
  ]);
  // It has neither a service nor a tree that is copied in.
  const sync = issuesOfText(`${head}    - { path: a, action: sync }\n`);
  expect(sync).toEqual(['5:26 needs_run', '5:26 bad_value']);
});

it.each([
  ['imge: debian\n', 'Did you mean "image"?'],
  ['steps: [{ run: a, neds: [] }]\n', 'Did you mean "needs"?'],
  ['root: memroy\n', 'memory'],
  ['image: debain\n', 'Did you mean "debian"?'],
])('%j has a next move: %s', (text, hint) => {
  const [issue] = errorOf(text);
  expect(`${issue?.message} ${issue?.hint}`).toContain(hint);
});

it('x- keys are allowed everywhere but in env', () => {
  const text =
    'x-a: 1\nresources: { x-b: 1 }\nsteps:\n  - { run: ls, x-c: 1 }\nvolumes:\n  - { type: memory, target: t, x-d: 1 }\n';
  expect(issuesOfText(text)).toEqual([]);
  expect(errorOf('env: { x-a: "1" }\n').map(({ code }) => code)).toEqual(['bad_value']);
});

it.each([
  ['64MiB', 64],
  ['1GiB', 1024],
  ['1G', 1024],
  ['512m', 512],
  ['1.5GiB', 1536],
  ['100MB', 96],
])('memory %s is %i MiB', (memory, mib) => {
  expect(readText(`resources: { memory: ${memory} }\n`).sandboxes[0]?.memoryBytes).toBe(
    mib * 2 ** 20,
  );
});

it.each(['512', '"512"', '1 GiB', 'GiB', '1GiBs', '-1GiB', '1e3MiB', '""'])(
  'memory %s is refused',
  (memory) => {
    expect(issuesOfText(`resources: { memory: ${memory} }\n`).length).toBeGreaterThan(0);
  },
);

it.each([
  ['500ms', 500],
  ['2s', 2_000],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1h1m1s1ms', 3_661_001],
  ['none', null],
])('timeout %s is %j ms', (timeout, ms) => {
  expect(readText(`resources: { timeout: ${timeout} }\n`).sandboxes[0]?.timeoutMs).toBe(ms);
});

it.each(['5', '5 s', '1m1h', '1s1s', '-1s', 's', '1d', '1.5m'])(
  'timeout %s is refused',
  (timeout) => {
    expect(issuesOfText(`resources: { timeout: "${timeout}" }\n`)).toEqual(['1:23 bad_value']);
  },
);

it.each(['root', '1000', '"1000:1000"', 'node', 'node:staff', '_apt', 'www-data:www-data'])(
  'user %s is allowed',
  (user) => {
    expect(issuesOfText(`user: ${user}\n`)).toEqual([]);
  },
);

it('packages are sorted, each once', () => {
  const text =
    'images: { a: { build: { distro: debian, debian: { packages: [npm, git, npm, g++] } } } }\nimage: a\n';
  expect(readText(text).sandboxes[0]?.image.packages).toEqual(['g++', 'git', 'npm']);
});

it('an image path starts at its file', () => {
  const config = readText('images: { a: { path: ./src } }\nimage: a\n');
  expect(config.sandboxes[0]?.image).toMatchObject({ name: 'a', path: '/p/src' });
});

it('shards are steps that can be split: not those of a service, and not none', () => {
  expect(issuesOfText('shards: 2\nsteps: [ls]\n')).toEqual([]);
  expect(issuesOfText('shards: 2\nsteps: [ls]\nrun: serve\n')).toEqual(['1:9 not_split']);
  expect(issuesOfText('shards: 2\n')).toEqual(['1:9 not_split']);
  expect(issuesOfText('shards: 300\nsteps: [ls]\n')).toEqual(['1:9 bad_value']);
});
