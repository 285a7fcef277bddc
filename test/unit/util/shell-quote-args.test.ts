import { expect, it } from 'vitest';
import { shellQuoteArgs } from '../../../src/util/shell-quote-args.ts';

it.each([
  [[], ''],
  [[''], "''"],
  [['ls', '-la'], 'ls -la'],
  [['a b'], "'a b'"],
  [["it's"], `'it'\\''s'`],
  [['$HOME', '`id`'], "'$HOME' '`id`'"],
  [['A=b', 'cmd'], "'A=b' cmd"],
  [['if'], "'if'"],
  [['~'], "'~'"],
  [['a\nb'], "'a\nb'"],
])('shellQuoteArgs(%j) is %j', (args, want) => {
  expect(shellQuoteArgs(args)).toBe(want);
});

it('shellQuoteArgs() refuses a NUL byte', () => {
  expect(() => shellQuoteArgs(['a\0b'])).toThrow(TypeError);
});
