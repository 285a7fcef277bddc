import { expect, it } from 'vitest';
import { errorOf, readText } from '../../../fixtures/project-text.ts';

const FILES = { '/p/f.js': 'function handler() {}' };
const codesOf = (text: string) => errorOf(text, { files: FILES }).map(({ code }) => code);

it('functions: reads the handler, limits and variables, and needs no sandbox', () => {
  const text = `functions:
  plain: { handler: ./f.js }
  full: { handler: f.js, timeout: 500ms, memory: 2MiB, env: { A: 1, HOME: } }
`;
  const { functions, sandboxes } = readText(text, { files: FILES, env: { HOME: '/h' } });
  expect(sandboxes).toEqual([]);
  expect(functions).toEqual([
    { name: 'plain', handlerPath: '/p/f.js', timeoutMs: 5000, memoryBytes: 2 ** 24, env: {} },
    {
      ...{ name: 'full', handlerPath: '/p/f.js', timeoutMs: 500, memoryBytes: 2 ** 21 },
      env: { A: '1', HOME: '/h' },
    },
  ]);
});

it('functions: stand beside sandboxes, or beside the keys of one sandbox', () => {
  const own = 'functions: { f: { handler: f.js } }\n';
  expect(readText(`${own}steps: [ls]\n`, { files: FILES }).sandboxes).toHaveLength(1);
  const two = 'sandboxes: { a: { steps: [ls] }, b: { steps: [ls] } }\n';
  expect(readText(own + two, { files: FILES }).sandboxes).toHaveLength(2);
});

it('functions: reports each mistake at its place', () => {
  const one = (body: string) => codesOf(`functions: { f: ${body} }\n`);
  expect(one('{ handler: ./missing.js }')).toEqual(['path_missing']);
  expect(one('{ handler: . }')).toEqual(['path_kind']);
  expect(one('{ handler: f.js, timeout: 2h }')).toEqual(['bad_value']);
  expect(one('{ handler: f.js, memory: 1KiB }')).toEqual(['bad_value']);
  expect(one('{ timeout: 1s }')).not.toEqual([]);
  expect(one('{ handler: f.js, retries: 1 }')).not.toEqual([]);
});
