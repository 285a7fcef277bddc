import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeOutcome, plainText } from '../../../src/cli/ui/text/describe.ts';
import { hasColours } from '../../../src/cli/ui/text/paint.ts';
import { sanitiseLine } from '../../../src/cli/ui/text/sanitise-line.ts';
import { formatTable } from '../../../src/cli/ui/text/table.ts';
import { LineSplitter, MAX_LINE_LENGTH } from '../../../src/util/line-splitter.ts';
import { formatBytes, formatDuration, parseAge } from '../../../src/util/quantities.ts';
import { outputOf } from './fake-io.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences.
const COLOURS = /\u001b\[[0-9;:]*m/g;

describe('sanitiseLine', () => {
  it.each([
    ['leaves text, tabs and UTF-8 alone', 'a\tb é 漢 🎉', 'a\tb é 漢 🎉'],
    ['drops cursor movement', 'a\u001b[2Kb\u001b[1Ac\u001b[10;10Hd', 'abcd'],
    ['drops private modes', '\u001b[?1049h\u001b[?25lx', 'x'],
    ['drops a title with BEL or ST', '\u001b]0;evil\u0007x\u001b]2;evil\u001b\\y', 'xy'],
    ['drops a hyperlink', '\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['drops device control strings', '\u001bP1$tx\u001b\\y', 'y'],
    ['shows the rest of a string that has no end', '\u001b]0;evil', ']0;evil'],
    ['drops two-character escapes', '\u001bcx\u001b7y\u001b(Bz', 'xyz'],
    ['drops an escape at the end', 'x\u001b', 'x'],
    ['shows other controls', 'a\bb\u0007c\u000bd\u007f', 'a\\x08b\\x07c\\x0bd\\x7f'],
    ['shows the 8-bit CSI', '\u009b2J', '\\x9b2J'],
    ['shows a carriage return', 'good\rbad', 'good\\x0dbad'],
    ['shows what reorders text', '\u202etxt\u2066', '\\u202etxt\\u2066'],
    ['shows line separators', 'a\u2028b', 'a\\u2028b'],
  ])('%s', (_name, given, want) => {
    expect(sanitiseLine(given, false)).toBe(want);
  });

  it('removes colours in a log; keeps and resets them on a terminal', () => {
    const red = 'a \u001b[1;31mred\u001b[38;5;12m b';
    expect(sanitiseLine(red, false)).toBe('a red b');
    expect(sanitiseLine(red, true)).toBe('a \u001b[1;31mred\u001b[38;5;12m b\u001b[0m');
  });

  it('never lets a control character through', () => {
    const nasty = fc.string({
      unit: fc.constantFrom(
        '\u001b',
        '[',
        ']',
        '\\',
        '\u0007',
        '\r',
        '\n',
        ';',
        '0',
        'm',
        'H',
        'P',
        '\u009b',
        '\u009c',
        'x',
        '\ud800',
      ),
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), (text) => {
        expect(sanitiseLine(text, false)).not.toMatch(/[^\P{Cc}\t]/u);
        expect(sanitiseLine(text, true).replaceAll(COLOURS, '')).not.toMatch(/[^\P{Cc}\t]/u);
      }),
    );
  });
});

describe('LineSplitter', () => {
  it('ends lines at LF, CRLF and a lone CR, across chunks', () => {
    const splitter = new LineSplitter();
    expect(splitter.push('one\ntw')).toEqual(['one']);
    expect(splitter.push('o\r')).toEqual([]);
    expect(splitter.push('\nthree\r50%\r')).toEqual(['two', 'three']);
    expect(splitter.push('100%')).toEqual(['50%']);
    expect(splitter.flush()).toEqual(['100%']);
    expect(splitter.flush()).toEqual([]);
  });

  it('cuts a line that never ends', () => {
    const splitter = new LineSplitter();
    const lines = splitter.push('x'.repeat(2.5 * MAX_LINE_LENGTH));
    expect(lines.map((line) => line.length)).toEqual([MAX_LINE_LENGTH, MAX_LINE_LENGTH]);
    expect(splitter.flush()[0]).toHaveLength(MAX_LINE_LENGTH / 2);
  });

  it('gives the same lines however the text is cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r'), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (whole, cuts) => {
        const split = (parts: string[]) => {
          const splitter = new LineSplitter();
          return [...parts.flatMap((part) => splitter.push(part)), ...splitter.flush()];
        };
        const places = [
          0,
          ...cuts.map((cut) => Math.min(cut, whole.length)),
          whole.length,
        ].toSorted((a, b) => a - b);
        const parts = places.slice(1).map((end, index) => whole.slice(places[index], end));
        expect(split(parts)).toEqual(split([whole]));
      }),
    );
  });
});

describe('hasColours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ])('is right on a terminal (%s) with %o', (isTTY, env, want) => {
    expect(hasColours(outputOf({ isTTY }).stream, env)).toBe(want);
  });
});

it.each([
  [0, '0ms'],
  [999, '999ms'],
  [1000, '1.0s'],
  [59_940, '59.9s'],
  [59_950, '1m 00s'],
  [125_000, '2m 05s'],
  [3_725_000, '1h 02m'],
])('formatDuration(%d) gives %s', (given, want) => {
  expect(formatDuration(given)).toBe(want);
});

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [512 * 2 ** 20, '512 MiB'],
  [2 ** 40 * 3, '3 TiB'],
  [1024 * 1024 - 1, '1 MiB'],
])('formatBytes(%d) gives %s', (given, want) => {
  expect(formatBytes(given)).toBe(want);
});

it.each([
  ['90m', 5_400_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
  ['0s', 0],
  ['7', undefined],
  ['-1d', undefined],
  ['1.5h', undefined],
  ['1y', undefined],
  ['1dd', undefined],
])('parseAge(%s) gives %s', (given, want) => {
  expect(parseAge(given)).toBe(want);
});

it('formatTable() aligns columns and leaves no trailing space', () => {
  expect(
    formatTable([
      ['A', 'LONGER', 'C'],
      ['long', 'x', ''],
    ]),
  ).toEqual(['A     LONGER  C', 'long  x']);
});

it('plainText() makes one line of several', () => {
  expect(plainText('a\r\nb\u001b[1mc')).toBe('a bc');
});

it.each([
  [
    { status: 'succeeded', exitCode: 0, signal: null, isOutOfMemory: false, isIgnored: false },
    'succeeded in 1.5s',
  ],
  [
    { status: 'failed', exitCode: 7, signal: null, isOutOfMemory: false, isIgnored: true },
    'exit 7 after 1.5s (ignored)',
  ],
  [
    { status: 'failed', exitCode: 137, signal: 'SIGKILL', isOutOfMemory: false, isIgnored: false },
    'exit 137 (SIGKILL) after 1.5s',
  ],
  [
    { status: 'failed', exitCode: 137, signal: 'SIGKILL', isOutOfMemory: true, isIgnored: false },
    'exit 137 (SIGKILL), out of memory, after 1.5s',
  ],
  [
    {
      status: 'succeeded',
      exitCode: 137,
      signal: 'SIGKILL',
      isOutOfMemory: true,
      isIgnored: false,
    },
    'succeeded in 1.5s (out of memory)',
  ],
  [
    { status: 'timed-out', exitCode: 124, signal: null, isOutOfMemory: false, isIgnored: false },
    'timed out after 1.5s',
  ],
  [
    { status: 'cancelled', exitCode: 130, signal: null, isOutOfMemory: false, isIgnored: false },
    'cancelled after 1.5s',
  ],
] as const)('describeOutcome(%o) gives %s', (outcome, want) => {
  expect(describeOutcome({ ...outcome, durationMs: 1500 })).toBe(want);
});
