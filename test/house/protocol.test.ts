import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import * as constants from '../../src/protocol/constants.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** `GONDOLIN_X` → number, from the C header. */
const header = new Map(
  [...read('guest/protocol.h').matchAll(/^#define GONDOLIN_(\w+) (0x[0-9a-f]+|\d+)$/gm)].map(
    (match) => [match[1] ?? '', Number(match[2])],
  ),
);

it('each #define of guest/protocol.h is an integer literal that this test reads', () => {
  const defines = read('guest/protocol.h').match(/^#define GONDOLIN_\w+ .*$/gm) ?? [];
  expect(defines.length).toBe(header.size);
});

/** The same names from the TypeScript side: `FRAME.DATA` is `FRAME_DATA`. */
const ours = new Map(
  Object.entries(constants).flatMap(([name, value]): [string, number][] => {
    if (typeof value === 'number') return [[name, value]];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value as Record<string, unknown>)
      .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
      .map(([key, number]) => [`${name}_${key}`, number]);
  }),
);

it('guest/protocol.h and src/protocol/constants.ts hold the same names and numbers', () => {
  expect(header.size).toBeGreaterThan(40);
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(header));
});

it('docs/protocol.md names every message with its number', () => {
  const docs = read('docs/protocol.md');
  const messages = [...header].filter(([name]) => /^MESSAGE_(?!HEADER)/.test(name));
  expect(messages.length).toBe(Object.keys(constants.MESSAGE).length);
  for (const [name, value] of messages) {
    const number = `0x${value.toString(16).padStart(4, '0')}`;
    expect(docs).toContain(`| ${number} | \`${name.slice('MESSAGE_'.length)}\` |`);
  }
});

it('docs/protocol.md names every frame with its number', () => {
  const docs = read('docs/protocol.md');
  const frames = [...header].filter(([name]) => /^FRAME_(?!HEADER)/.test(name));
  expect(frames.length).toBe(7);
  for (const [name, value] of frames) expect(docs).toContain(`| ${value} | \`${name.slice(6)}\` |`);
});
