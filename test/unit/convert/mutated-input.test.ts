import fc from 'fast-check';
import { expect, it } from 'vitest';
import { convertFile } from '../../../src/convert/convert-file.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { filesOf } from '../../fixtures/project-text.ts';

const COMPOSE = `services:
  web:
    image: node:22
    command: [npm, start, "\${PORT:-3000}"]
    entrypoint: "sh -c 'x y'"
    environment: { A: "\${B:-c}", TOKEN: x, N: }
    env_file: [{ path: .env, required: false }]
    ports: ["8080:80", { target: 1, published: 2 }]
    volumes: [./data:/data:ro, "v:/v", { type: tmpfs, target: /t, tmpfs: { size: 1m } }]
    deploy: { resources: { limits: { cpus: "1.5", memory: 1g } } }
    depends_on: { db: { condition: service_healthy } }
    healthcheck: { test: [CMD, "true"], interval: 1m30s, retries: 3 }
    restart: on-failure:3
    user: node
    working_dir: /app
  db: &a { image: postgres, tmpfs: /x, profiles: [ci], <<: { labels: { a: b } } }
`;
const DEVCONTAINER = `{ // c
  "image": "node", "features": { "a/b:1": {} }, "containerEnv": { "A": "\${localEnv:B:c}" },
  "postCreateCommand": { "a": ["x", "y"], "b": "z" }, "forwardPorts": [1, "2:3"], "appPort": "4",
  "mounts": ["source=\${localWorkspaceFolder}/data,target=/d,type=bind", { "target": "/v" }],
  "remoteUser": "vscode", "workspaceFolder": "/w/\${localWorkspaceFolderBasename}", "hostRequirements": { "cpus": 2 },
}`;
const PIECES = [
  ...['a', '1', ' ', '/', '.', '-', '%', '8080', 'é', '$A'],

  '${',
  '}',
  '$',
  '"',
  "'",
  '\\',
  ': ',
  '\n',
  '- ',
  '{',
  '[',
  ']',
  '*a',
  '&a ',
  '<<: ',
  '\0',
  '/*',
  '//',
  '~',
  '!!int ',
  '0',
  'null',
  '../',
  '\ud800',
  '\u202e',
  '__proto__',
  'constructor',
  'x'.repeat(300),
];

/** Replaces up to 3 ranges of a text by pieces that mean something to YAML, JSON, shells or variables. */
const mutations = fc.array(
  fc.record({
    at: fc.nat(999),
    remove: fc.nat(3),
    piece: fc.constantFrom(...PIECES),
  }),
  { minLength: 1, maxLength: 3 },
);

it.each([
  ['/p/compose.yaml', COMPOSE],
  ['/p/devcontainer.json', DEVCONTAINER],
])('convertFile() of a damaged %s converts it or throws a coded error', (input, text) => {
  let converted = 0;
  fc.assert(
    fc.property(mutations, (list) => {
      let damaged = text;
      for (const { at, remove, piece } of list) {
        const start = Math.floor((at * damaged.length) / 1000);
        damaged = damaged.slice(0, start) + piece + damaged.slice(start + remove);
      }
      const access = filesOf({ '/p/data': null, [input]: damaged });
      try {
        const { text: written } = convertFile({
          input,
          output: '/p/gondolin.yaml',
          access,
          env: {},
        });
        converted++;
        expect(written).not.toMatch(/[\0\u202e]/);
      } catch (error) {
        if (!GondolinError.is(error)) throw error;
        expect(error.code).toBe('CONVERT_INPUT_INVALID');
      }
    }),
    { numRuns: 300 },
  );
  expect(converted).toBeGreaterThan(10);
});
