import fc from 'fast-check';
import { expect, it } from 'vitest';
import { printable } from '../../../src/protocol/printable.ts';

it.each([
  ['plain text with ümläuts and 木', 'plain text with ümläuts and 木'],
  ['a\u001b[2Jb', 'a\ufffd[2Jb'],
  ['one\ntwo\r\tthree\0', 'one\ufffdtwo\ufffd\ufffdthree\ufffd'],
  ['c1\u009b end\u007f', 'c1\ufffd end\ufffd'],
  ['\u202eevil\u2066\u200b\ufeff\u2028', '\ufffdevil\ufffd\ufffd\ufffd\ufffd'],
  ['lone \ud800 and pair \u{1f600}', 'lone \ufffd and pair \u{1f600}'],
])('printable() gives one harmless line for %j', (text, want) => {
  expect(printable(text)).toBe(want);
});

it('printable() cuts long text and never in mid-character', () => {
  expect(printable('abcdef', 3)).toBe('abc…');
  expect(printable('ab\u{1f600}', 3)).toBe('ab…');
  expect(printable('abc', 3)).toBe('abc');
});

it('printable() leaves no control character of any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e]/u);
    }),
  );
});
