import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ConsoleLog, sanitizeConsole } from '../../../src/machine/console-log.ts';

const CAPACITY = 64 * 1024;

it('ConsoleLog.bytes() returns the last 64 KiB that were appended, in pieces of any size', () => {
  const size = fc.oneof(fc.nat(100), fc.nat(3 * CAPACITY), fc.constant(CAPACITY));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 6 }), (sizes) => {
      const all = Buffer.alloc(sizes.reduce((sum, one) => sum + one, 0));
      // A period that does not divide the capacity: a byte out of place shows.
      for (let at = 0; at < all.length; at++) all[at] = at % 251;
      const log = new ConsoleLog();
      let start = 0;
      for (const one of sizes) {
        log.append(all.subarray(start, start + one));
        start += one;
      }
      return log.bytes().equals(all.subarray(Math.max(0, all.length - CAPACITY)));
    }),
    { numRuns: 50 },
  );
});

it('ConsoleLog.bytes() returns every byte when one piece fills the ring exactly', () => {
  const log = new ConsoleLog();
  log.append(Buffer.from('old'));
  const full = Buffer.alloc(CAPACITY, 'x');
  log.append(full);
  expect(log.bytes().equals(full)).toBe(true);
});

it('ConsoleLog.tail() returns the last lines, and nothing for a silent guest', () => {
  const log = new ConsoleLog();
  expect(log.tail()).toBe('');
  log.append(Buffer.from('one\r\ntwo\r\n\r\nthree'));
  expect(log.tail(2)).toBe('two\nthree');
});

it.each([
  { name: 'colours', given: '\x1b[1;31mred\x1b[0m', want: ['red'] },
  { name: 'cursor moves and clearing', given: 'a\x1b[2J\x1b[10;5Hb', want: ['ab'] },
  { name: 'a window title', given: '\x1b]0;owned\x07text', want: ['text'] },
  { name: 'a link', given: '\x1b]8;;http://x\x1b\\text', want: ['text'] },
  { name: 'a terminal reset', given: '\x1bcx', want: ['x'] },
  { name: 'a lone escape', given: 'x\x1b', want: ['x'] },
  { name: 'a C1 control sequence', given: 'a\u009b31mb', want: ['a31mb'] },
  { name: 'bell and backspace', given: 'a\x07\x08b', want: ['ab'] },
  { name: 'text that reorders', given: 'a\u202etxt.exe', want: ['atxt.exe'] },
  { name: 'a carriage return that overwrites', given: 'safe\rfake', want: ['safe', 'fake'] },
  { name: 'empty lines', given: '\n\n \n a\n', want: [' a'] },
  { name: 'a tab', given: 'a\tb', want: ['a\tb'] },
])('sanitizeConsole() handles $name', ({ given, want }) => {
  expect(sanitizeConsole(Buffer.from(given))).toEqual(want);
});

it('sanitizeConsole() cuts a long line', () => {
  expect(sanitizeConsole(Buffer.alloc(5_000, 'y'))[0]).toHaveLength(400);
});

it('sanitizeConsole() removes every control character from any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) =>
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      sanitizeConsole(bytes).every((line) => !/[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(line)),
    ),
  );
});
