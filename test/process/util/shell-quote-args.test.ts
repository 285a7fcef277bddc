import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellQuoteArgs } from '../../../src/util/shell-quote-args.ts';

/** What /bin/sh makes of a line: its words, NUL-separated. */
function wordsOf(line: string): string[] {
  const script = `set -- ${line}\nfor word in "$@"; do printf '%s\\0' "$word"; done`;
  const output = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
  return output.split('\0').slice(0, -1);
}

it('shellQuoteArgs() gives /bin/sh exactly the words it was given', () => {
  const hard = fc.string({ unit: fc.constantFrom(...' \t\n\'"\\$`!*?[]{}()<>|&;#~=%aé😀') });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(hard, fc.string({ unit: 'grapheme' })), { maxLength: 20 }),
      (args) => {
        const safe = args.map((arg) => arg.replaceAll('\0', ''));
        expect(wordsOf(shellQuoteArgs(safe))).toEqual(safe);
      },
    ),
    { numRuns: 150 },
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
