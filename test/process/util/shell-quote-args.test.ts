import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellQuoteArgs } from '../../../src/util/shell-quote-args.ts';

/** What one /bin/sh makes of each line: its number of words, and the words. */
function wordsOf(lines: readonly string[]): string[] {
  const script = lines
    .map(
      (line) =>
        `set -- ${line}\nprintf '%s\\0' "$#"; for word in "$@"; do printf '%s\\0' "$word"; done`,
    )
    .join('\n');
  return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
}

it('shellQuoteArgs() gives /bin/sh exactly the words it was given', () => {
  const hard = fc.string({ unit: fc.constantFrom(...' \t\n\'"\\$`!*?[]{}()<>|&;#~=%aé😀') });
  const words = fc.array(fc.oneof(hard, fc.string({ unit: 'grapheme' })), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(words, { minLength: 20, maxLength: 20 }), (lines) => {
      const safe = lines.map((args) => args.map((arg) => arg.replaceAll('\0', '')));
      const expected = safe.flatMap((args) => [`${args.length}`, ...args]);
      expect(wordsOf(safe.map((args) => shellQuoteArgs(args)))).toEqual(expected);
    }),
    { numRuns: 10 },
  );
});

it.each([['if'], ['A=b'], ['!'], ['{'], ['while'], ['time']])(
  'shellQuoteArgs() makes %j the command, not syntax',
  (word) => {
    const script = `${shellQuoteArgs([word, 'x'])} 2>/dev/null; echo $?`;
    expect(
      execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: { PATH: '/nowhere' } }),
    ).toBe('127\n');
  },
);
