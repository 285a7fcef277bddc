import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  formatOwner,
  namespaceNumber,
  parseOwner,
  parseProcessStat,
} from '../../../src/host/process-life.ts';

it.each(['node', 'a b', 'x) R 1 2', '((', ''])(
  'parseProcessStat() reads past the name "%s"',
  (name) => {
    const fields = ['S', ...Array.from({ length: 18 }, (_, index) => String(index)), '987654', '0'];
    expect(parseProcessStat(`4242 (${name}) ${fields.join(' ')}`)).toEqual({
      state: 'S',
      startTicks: 987654,
    });
  },
);

it.each(['', '1', '1 (x)', '1 (x) S', '1 (x) SS 1 2', `1 (x) S ${'x '.repeat(30)}`])(
  'parseProcessStat() is null for "%s"',
  (text) => {
    expect(parseProcessStat(text)).toBeNull();
  },
);

it('parseOwner() reads what formatOwner() wrote, also with more behind it', () => {
  const owner = fc.record({
    pid: fc.integer({ min: 1, max: 2 ** 22 }),
    startTicks: fc.integer({ min: 0, max: 10 ** 12 }),
    pidNamespace: fc.integer({ min: 1, max: 2 ** 32 }),
  });
  fc.assert(
    fc.property(owner, (identity) => {
      expect(parseOwner(formatOwner(identity))).toEqual(identity);
      expect(parseOwner(`${formatOwner(identity)}-abc.json`)).toEqual(identity);
    }),
  );
});

it.each(['', 'x', '1-2', '1-2-x', '-1-2-3', '1-2-3x', '1-2-3.json', '1-99999999999-3'])(
  'parseOwner() is null for "%s"',
  (text) => {
    expect(parseOwner(text)).toBeNull();
  },
);

it('namespaceNumber() tells the first namespaces of two machines apart', () => {
  const first = 'pid:[4026531836]';
  const one = namespaceNumber('a', 'n1', first);
  expect(namespaceNumber('a', 'n1', first)).toBe(one);
  expect(namespaceNumber('a', 'n2', first)).not.toBe(one);
  expect(namespaceNumber('b', 'n1', first)).not.toBe(one);
  expect(namespaceNumber('a', 'n1', 'pid:[4026532001]')).not.toBe(one);
  expect(one).toBeLessThan(2 ** 40);
});
