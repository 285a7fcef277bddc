import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TerminalModes } from '../../../../src/vm/terminal/terminal-modes.ts';

function undo(...texts: readonly string[]): string {
  const modes = new TerminalModes();
  for (const text of texts) modes.feed(Buffer.from(text));
  return modes.undo;
}

it.each([
  [
    'an editor that was killed',
    '\u001b[?1049h\u001b[?25l\u001b=text',
    '\u001b>\u001b[?1049l\u001b[?25h',
  ],
  ['a reporting mouse', '\u001b[?1000;1006h', '\u001b[?1000l\u001b[?1006l'],
  ['colours', '\u001b[1;31mred', '\u001b[0m'],
  ['bracketed paste', '\u001b[?2004hprompt', '\u001b[?2004l'],
])('undoes what %s left behind', (_, text, expected) => {
  expect(undo(text)).toBe(expected);
});

it.each([
  ['an editor that ended', '\u001b[?1049h\u001b[?25l\u001b=text\u001b>\u001b[?25h\u001b[?1049l'],
  ['coloured text', '\u001b[1;31mred\u001b[0m \u001b[32mgreen\u001b[m'],
  ['plain text', 'one\r\ntwo [?25l\r\n'],
  ['a reset of the terminal', '\u001b[?1049h\u001b[31m\u001bc'],
  ["modes of the terminal that are nobody's business", '\u001b[?12h\u001b[4h\u001b[?9999h'],
  ['a sequence that never ends', `\u001b[${'1;'.repeat(1_000)}`],
])('finds nothing to undo after %s', (_, text) => {
  expect(undo(text)).toBe('');
});

it('finds the same however the bytes are cut', () => {
  const text = '\u001b[?1049h\u001b\u001b[?25lä\u001b[?1000;1006hx\u001b[31m';
  const whole = undo(text);
  expect(whole).not.toBe('');
  const cut = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(cut, (sizes) => {
      const modes = new TerminalModes();
      const bytes = Buffer.from(text);
      for (let at = 0, index = 0; at < bytes.length; index += 1) {
        const size = sizes[index % sizes.length] ?? 1;
        modes.feed(bytes.subarray(at, at + size));
        at += size;
      }
      expect(modes.undo).toBe(whole);
    }),
  );
});
