/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { readConfig } from '../../../src/config/read-config.ts';
import { convertFile } from '../../../src/convert/convert-file.ts';
import { isSandboxKey } from '../../../src/convert/schema-keys.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { type FileTree, filesOf } from '../../fixtures/project-text.ts';

const TREE: FileTree = {
  ...{ '/p/data': null, '/p/.env.web': 'A=1\n', '/p/src': null },
  ...{ '/p/Dockerfile': 'FROM a\n', '/p/docker/web.Dockerfile': 'FROM a\n' },
};
const BUILD = { args: {}, target: null, secrets: [] };

interface Converted {
  readonly text: string;
  readonly config: Config;
  /** `line kind key` */
  readonly remarks: readonly string[];
}

function convert(text: string, output = '/p/gondolin.yaml'): Converted {
  const access = filesOf({ ...TREE, '/p/compose.yaml': text });
  const options = { input: '/p/compose.yaml', output, access, env: {} };
  const conversion = convertFile(options);
  expect(conversion.problems).toEqual([]);
  const config = readConfig({ path: output, text: conversion.text }, { access, env: {} });
  const remarks = conversion.remarks.map(({ at, kind, key }) => `${at.line} ${kind} ${key}`);
  return { text: conversion.text, config, remarks };
}

function service(
  ...lines: string[]
): Converted & { readonly sandbox: Config['sandboxes'][number] } {
  const converted = convert(
    ['services:', '  web:', ...['command: ["true"]', ...lines].map((line) => `    ${line}`)].join(
      '\n',
    ),
  );
  const [sandbox] = converted.config.sandboxes;
  if (sandbox === undefined) throw new Error('no sandbox');
  return { ...converted, sandbox };
}

function codeOf(text: string): [string, string | undefined] {
  try {
    convert(text);
  } catch (error) {
    if (GondolinError.is(error)) return [error.code, `${error.at?.line}:${error.at?.col}`];
    throw error;
  }
  return ['', ''];
}

describe('convertFile() of a Compose file', () => {
  it('makes a sandbox of each service, with a name that the project file accepts', () => {
    const { config, remarks } = convert(
      'name: shop\nservices:\n  Web.App: { command: a }\n  web-app: { command: b }\n  _: { command: c }\n',
    );
    expect(config.name).toBe('shop');
    expect(config.sandboxes.map(({ name }) => name)).toEqual(['web-app', 'web-app-2', 's']);
    expect(remarks).toContain('3 changed services.Web.App');
  });

  it('splits a command into words as Compose does, without a shell', () => {
    const { config } = convert(
      `services: { a: { entrypoint: [sh, -c], command: "echo 'a b' $\${HOME} \${PORT:-80}" } }\n`,
    );
    expect(commandsOf(config)).toEqual(['sh', '-c', 'echo', 'a b', '${HOME}', '80']);
  });

  it('takes an unset variable as empty, and keeps defaults', () => {
    const env = service(
      'environment: { A: "$X", B: "${X}", C: "${X:-${Y-z}}", D: "1$$2", E: "${X:+u}", N: , F: 1.10 }',
    ).sandbox.env;
    expect(env).toEqual({ A: '', B: '', C: 'z', D: '1$2', E: '', F: '1.10' });
  });

  it('copies no value that may be a credential, and says so', () => {
    const { text, remarks } = service(
      'environment: [API_KEY=hunter2, "DB=postgres://u:hunter2@db/x", "T=${X:-ghp_hunter2hunter2hunter2}", OK=1]',
      'labels: { a: hunter2 }',
      'build: { args: { TOKEN: hunter2 } }',
      'healthcheck: { test: "curl -H token=hunter2 localhost" }',
    );
    expect(text).not.toContain('hunter2');
    expect(remarks).toEqual(
      expect.arrayContaining([
        '4 changed services.web.environment.API_KEY',
        '4 changed services.web.environment.DB',
        '4 changed services.web.environment.T',
      ]),
    );
    expect(text).toMatch(/^ {6}API_KEY:$/m);
  });

  it('leaves out a command with a credential', () => {
    const { text, remarks } = convert('services:\n  a:\n    command: x --password=hunter2\n');
    expect(text).not.toContain('hunter2');
    expect(remarks).toEqual(['3 left services.a.command']);
  });

  it('carries over ports, and notes what has no form here', () => {
    const { sandbox, remarks } = service(
      'ports: ["8080:80", "3000", "127.0.0.1:1:2", "53:53/udp", "8080:81", { target: 90, published: "9090" }, "$P:1"]',
    );
    expect(sandbox.ports.map(({ port, guestPort }) => [port, guestPort])).toEqual([
      [8080, 80],
      [0, 3000],
      [1, 2],
      [9090, 90],
    ]);
    expect(remarks.filter((line) => line.includes(' left '))).toHaveLength(3);
  });

  it('carries over host directories, and memory for the other volumes', () => {
    const { sandbox, remarks } = service(
      'volumes:',
      '  - ./data:/data:ro',
      '  - db:/var/lib/db',
      '  - ./gone:/gone',
      '  - ~/x:/x',
      '  - ./src:/etc',
      '  - ./src:/data/',
      '  - { type: bind, source: ./src, target: /s }',
      'tmpfs: ["/scratch:size=64m", /run/x]',
    );
    expect(sandbox.volumes).toEqual([
      expect.objectContaining({ kind: 'memory', guestPath: '/workspace' }),
      { kind: 'host', hostPath: '/p/data', guestPath: '/data', isReadonly: true },
      expect.objectContaining({ kind: 'memory', guestPath: '/var/lib/db' }),
      { kind: 'host', hostPath: '/p/src', guestPath: '/s', isReadonly: false },
      { kind: 'memory', guestPath: '/scratch', sizeBytes: 64 * 2 ** 20 },
    ]);
    expect(remarks.map((line) => line.split(' ')[0])).toEqual(['6', '7', '8', '9', '10', '12']);
  });

  it('writes paths relative to the file it is for', () => {
    const text = 'services: { a: { command: x, volumes: ["./data:/data"], env_file: .env.web } }\n';
    const { text: written, config } = convert(text, '/p/src/gondolin.yaml');
    expect(written).toContain('../data:/data');
    expect(config.sandboxes[0]?.envFiles).toEqual(['/p/.env.web']);
  });

  it('carries over sizes, user, directory and a read-only root', () => {
    const { sandbox } = service(
      'mem_limit: 1.5g',
      'deploy: { resources: { limits: { cpus: "1.5" } } }',
      'user: "1000:1000"',
      'working_dir: /app/',
      'read_only: true',
      'network_mode: none',
    );
    expect(sandbox).toMatchObject({
      cpus: 2,
      memoryBytes: 1536 * 2 ** 20,
      user: '1000:1000',
      workspace: '/app',
      root: 'readonly',
      network: { mode: 'none' },
    });
  });

  it('names the same images of registries', () => {
    const { text, config, remarks } = convert(
      'services:\n  a: { image: "registry.example.com/library/node:22", command: x }\n  b: { image: node, command: x }\n  c: { image: Upper, command: x }\n',
    );
    expect(config.sandboxes.map(({ image }) => image.oci)).toEqual([
      'registry.example.com/library/node:22',
      'node:latest',
      null,
    ]);
    expect(text).toContain('# It names no registry: GONDOLIN_REGISTRY says');
    expect(remarks).toEqual(['4 left services.c.image']);
  });

  it('carries a build over to an image of its Dockerfile', () => {
    const { text, config, remarks } = convert(
      [
        'services:',
        '  own: { build: ., command: x }',
        '  Web:',
        '    image: shop/web:1',
        '    build:',
        '      context: ./src',
        '      dockerfile: ../docker/web.Dockerfile',
        '      target: test',
        '      args: { V: "${V:-1}", TOKEN: hunter2, BARE: }',
        '      ssh: [default]',
        '    command: x',
        '  none: { build: ./data, command: x }',
        '  far: { build: "https://git.example.com/x.git", command: x }',
        '  inline: { build: { dockerfile_inline: "FROM a" }, command: x }',
        '',
      ].join('\n'),
    );
    expect(text).not.toContain('hunter2');
    expect(config.sandboxes.map(({ name, image }) => [name, image.dockerfile])).toEqual([
      ['own', { ...BUILD, path: '/p/Dockerfile', context: '/p' }],
      [
        'web',
        {
          ...{ path: '/p/docker/web.Dockerfile', context: '/p/src', target: 'test', secrets: [] },
          args: { V: '1', BARE: '' },
        },
      ],
      ['none', null],
      ['far', null],
      ['inline', null],
    ]);
    expect(remarks).toEqual(
      expect.arrayContaining([
        '9 left services.Web.build.args.TOKEN',
        '10 left services.Web.build.ssh',
        '12 left services.none.build',
        '13 left services.far.build',
        '14 left services.inline.build.dockerfile_inline',
      ]),
    );
  });

  it('passes a command to the entrypoint of the image, unless the service has its own', () => {
    const { config, remarks } = convert(
      [
        'services:',
        '  own: { image: node }',
        '  words: { image: node, command: npm start }',
        '  entrypoint: { image: node, entrypoint: [/a b, "it\'s"], command: [$$HOME] }',
        '  variable: { image: node, entrypoint: "$X" }',
        '  user: { image: node, user: "node:node" }',
      ].join('\n'),
    );
    expect(config.sandboxes.map(({ service: own }) => own?.run)).toEqual([
      [],
      ['npm', 'start'],
      `exec '/a b' 'it'\\''s' '$HOME'`,
      undefined,
      [],
    ]);
    expect(config.sandboxes[4]?.user).toBe('node:node');
    expect(remarks).toEqual([
      '4 changed services.entrypoint.entrypoint',
      '5 left services.variable.entrypoint',
    ]);
  });

  it('expands anchors and merges, and lists every other key with its place', () => {
    const { sandbox, remarks } = service(
      '<<: { environment: { A: b } }',
      'privileged: true',
      'x-a: 1',
      'odd: 1',
    );
    expect(sandbox.env).toEqual({ A: 'b' });
    expect(remarks).toEqual(['5 left services.web.privileged', '7 left services.web.odd']);
  });

  it.each([
    ['restart', 'on-failure:3'],
    ['depends_on', '[web]'],
    ['healthcheck', '{ test: [CMD, "true"], interval: 5s }'],
    ['profiles', '[ci]'],
  ])('writes %s when the schema has it, and lists it otherwise', (key, value) => {
    const access = filesOf({
      '/p/compose.yaml': `services:\n  web: { command: x }\n  b: { command: x, ${key}: ${value} }\n`,
    });
    const options = { input: '/p/compose.yaml', output: '/p/gondolin.yaml', access, env: {} };
    const { text, remarks } = convertFile(options);
    expect(new RegExp(`^ {4}${key}:`, 'm').test(text)).toBe(isSandboxKey(key));
    expect(remarks.some((remark) => remark.key === `services.b.${key}`)).toBe(!isSandboxKey(key));
  });

  it('carries over how services depend on each other and live', () => {
    const { config, remarks } = convert(`services:
  Web: { command: x, depends_on: { db: { condition: service_healthy }, no-command: { condition: service_healthy }, gone: {} } }
  db: { command: y, restart: unless-stopped, stop_signal: SIGINT, stop_grace_period: 1m, healthcheck: { test: [CMD-SHELL, "ready $$X"], interval: 5s, retries: 3, odd: 1 } }
  no-command: { restart: always }
`);
    const [web, db] = config.sandboxes;
    expect(web?.dependsOn).toEqual([
      { name: 'db', condition: 'healthy' },
      { name: 'no-command', condition: 'completed' },
    ]);
    expect(db?.service).toMatchObject({
      run: ['y'],
      restart: { when: 'always', maxRestarts: null },
      stopSignal: 'SIGINT',
      healthcheck: { intervalMs: 5000, retries: 3 },
    });
    expect(remarks.filter((line) => line.includes(' left '))).toEqual([
      '2 left services.Web.depends_on.gone',
      '3 left services.db.healthcheck.odd',
      '4 left services.no-command.command',
      '4 left services.no-command.restart',
    ]);
  });

  it('leaves out a command that is longer than Linux accepts', () => {
    const { remarks } = convert(`services:\n  a:\n    command: ${'$A '.repeat(300_000)}\n`);
    expect(remarks).toEqual(['3 left services.a.command']);
  });

  it.each([
    ['services: {}\n', 'CONVERT_INPUT_INVALID', '1:11'],
    ['a: 1\n', 'CONVERT_INPUT_INVALID', '1:1'],
    ['- a\n', 'CONVERT_INPUT_INVALID', '1:1'],
    ['services:\n\ta: 1\n', 'CONVERT_INPUT_INVALID', '2:1'],
    [`a: ${'['.repeat(100)}`, 'CONVERT_INPUT_INVALID', '1:68'],
    ['a: &a [*a]\n', 'CONVERT_INPUT_INVALID', '1:8'],
  ])('refuses %j with %s', (text, code, place) => {
    expect(codeOf(text)).toEqual([code, place]);
  });
});

/** The words of the first sandbox's command. */
function commandsOf({ sandboxes: [sandbox] }: Config): unknown {
  return sandbox?.service?.run;
}
