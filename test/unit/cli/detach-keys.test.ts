import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { watchDetachKeys } from '../../../src/cli/detach-keys.ts';

/** Types chunks, and returns what was passed on and how often it detached. */
async function type(...chunks: string[]) {
  let detached = 0;
  const keys = watchDetachKeys(() => {
    detached += 1;
  });
  for (const chunk of chunks) keys.write(chunk);
  keys.end();
  return { passed: await text(keys), detached };
}

it.each([
  [['ls\r'], 'ls\r', 0],
  [['a\u0010b'], 'a\u0010b', 0],
  [['a\u0010', 'b'], 'a\u0010b', 0],
  [['\u0010', '\u0010', 'x'], '\u0010\u0010x', 0],
  [['a\u0010'], 'a\u0010', 0],
  [['a\u0010\u0011'], 'a', 1],
  [['a\u0010', '\u0011'], 'a', 1],
  [['\u0010', '\u0010\u0011'], '\u0010', 1],
  [['\u0011\u0010'], '\u0011\u0010', 0],
])(
  'watchDetachKeys() passes %j on as %j and detaches %d times',
  async (chunks, passed, detached) => {
    expect(await type(...chunks)).toEqual({ passed, detached });
  },
);
