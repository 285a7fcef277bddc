import { expect, it } from 'vitest';
import { loadHandlers } from './local-sandbox.ts';

/** Bytes at the borders of what UTF-8 is, in front of and behind each other. */
const PIECES: readonly (readonly number[])[] = [
  [0x61],
  [0xc2, 0xa2],
  [0xe2, 0x82, 0xac],
  [0xf0, 0x9f, 0x98, 0x80],
  [0xef, 0xbb, 0xbf],
  [0x00],
  [0x80],
  [0xc0, 0x80],
  [0xc2],
  [0xe0, 0x9f, 0x80],
  [0xe0, 0xa0, 0x80],
  [0xed, 0x9f, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x8f, 0x80, 0x80],
  [0xf4, 0x8f, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xe2, 0x82],
  [0xff],
];
const CASES = PIECES.flatMap((one) => PIECES.map((other) => [...one, ...other]));

const DECODE = `
  const decode = (bytes, options) => {
    try { return new TextDecoder('utf-8', options).decode(Uint8Array.from(bytes)); } catch (error) { return error.name; }
  };
  const all = (cases) => cases.map((bytes) =>
    [decode(bytes), decode(bytes, { fatal: true }), decode(bytes, { ignoreBOM: true })]);`;

it('TextDecoder makes of bytes what Node makes of them', async () => {
  const loaded = await loadHandlers({
    all: `${DECODE} export function handler(cases) { return all(cases); }`,
  });
  const all = new Function(`${DECODE} return all;`)() as (cases: unknown) => unknown;
  expect(await loaded.callHandler('all', CASES)).toEqual(all(CASES));
});

it('a megabyte of text is decoded within milliseconds', async () => {
  const loaded = await loadHandlers({
    long: `export function handler() {
      const bytes = new TextEncoder().encode('äöü€ text '.repeat(2 ** 17));
      const text = new TextDecoder().decode(bytes.subarray(2));
      return [bytes.length, text.length, text.startsWith('öü€')];
    }`,
  });
  expect(await loaded.callHandler('long', null)).toEqual([15 * 2 ** 17, 10 * 2 ** 17 - 1, true]);
  expect(loaded.lastCallStats.cpuTimeMs).toBeLessThan(500);
});
