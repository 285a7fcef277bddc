import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** Names that are still declared twice. The list may only get shorter. */
const DECLARED_TWICE: Readonly<Record<string, string>> = {
  Failed: 'a reply of the agent; a request that failed in net/refusal',
  Guard: 'the refusal of one exchange in net/http; what keeps a node inside its mount in vfs/real',
  HeaderList: 'one type, written in net/audit and in net/secret',
  encodeFrame: 'the frame of our channel; the frame of a WebSocket',
  integer: 'an ASN.1 encoder; a JSON decoder',
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
