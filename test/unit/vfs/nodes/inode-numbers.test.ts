import { expect, it } from 'vitest';
import { InodeNumbers } from '../../../../src/vfs/nodes/inode-numbers.ts';

const LARGEST = 2n ** 53n;

it('InodeNumbers keep those of the first file system, in each of its mounts', () => {
  const numbers = new InodeNumbers();
  expect(numbers.toGuestIno(0, { ino: 12n, device: 8n })).toBe(12n);
  expect(numbers.toGuestIno(3, { ino: 4_294_967_295n, device: 8n })).toBe(4_294_967_295n);
});

it('InodeNumbers of other file systems and of providers without a device are others, below 2^53', () => {
  const numbers = new InodeNumbers();
  const all = Array.from({ length: 20 }, (_, index) => [
    numbers.toGuestIno(index, { ino: 12n, device: BigInt(index) }),
    numbers.toGuestIno(index, { ino: 12n }),
    numbers.toGuestIno(index, { ino: 2n ** 48n - 1n }),
  ]).flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all.filter((number) => number <= 0n || number >= LARGEST)).toEqual([]);
});

it.each([2n ** 48n, 2n ** 53n, 2n ** 64n - 1n])(
  'InodeNumbers stay below 2^53 and equal for the large number %s',
  (ino) => {
    const numbers = new InodeNumbers();
    const found = numbers.toGuestIno(0, { ino, device: 1n });
    expect(found).toBeLessThan(LARGEST);
    expect(numbers.toGuestIno(7, { ino, device: 1n })).toBe(found);
    expect(numbers.toGuestIno(0, { ino: ino - 1n, device: 1n })).not.toBe(found);
    expect(numbers.toGuestIno(0, { ino, device: 2n })).not.toBe(found);
  },
);

it('restore() gives file systems the numbers they had', () => {
  const numbers = new InodeNumbers();
  numbers.toGuestIno(0, { ino: 1n, device: 5n });
  const late = numbers.toGuestIno(0, { ino: 1n, device: 9n });
  const copy = new InodeNumbers();
  copy.toGuestIno(0, { ino: 1n, device: 5n });
  copy.restore(numbers.sources);
  copy.toGuestIno(0, { ino: 1n, device: 7n });
  expect(copy.toGuestIno(0, { ino: 1n, device: 9n })).toBe(late);
});
