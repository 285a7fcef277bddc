import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { ERRNO, errnoName, isErrnoName } from '../../../src/protocol/errno.ts';

it('ERRNO holds each Linux number from 1 to 133 but 41 and 58', () => {
  const numbers = [...new Set<number>(Object.values(ERRNO))].toSorted((a, b) => a - b);
  const all = Array.from({ length: 133 }, (_, index) => index + 1);
  expect(numbers).toEqual(all.filter((number) => number !== 41 && number !== 58));
});

it('ERRNO agrees with the numbers of the Linux this test runs on', () => {
  for (const [name, number] of Object.entries(constants.errno)) {
    expect(ERRNO, name).toHaveProperty(name, number);
  }
});

it('errnoName() gives the main name when a number has two', () => {
  expect([11, 35, 95].map(errnoName)).toEqual(['EAGAIN', 'EDEADLK', 'EOPNOTSUPP']);
});

it('errnoName() is the inverse of ERRNO', () => {
  for (const number of Object.values(ERRNO)) {
    expect(ERRNO).toHaveProperty(errnoName(number), number);
  }
});

it.each([0, -2, 41, 134, 2 ** 32 - 1])('errnoName() names %d by its number', (number) => {
  expect(errnoName(number)).toBe(`errno ${number}`);
});

it('isErrnoName() accepts own names only', () => {
  expect(isErrnoName('ENOENT')).toBe(true);
  for (const value of ['toString', 'ENONE', 2, undefined, null]) {
    expect(isErrnoName(value)).toBe(false);
  }
});
