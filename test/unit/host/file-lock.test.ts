import { expect, it } from 'vitest';
import { findLockHolder } from '../../../src/host/file-lock.ts';

const LOCKS = `1: POSIX  ADVISORY  READ 111 00:15:4242 0 EOF
2: FLOCK  ADVISORY  WRITE 222 fe:00:777 0 EOF
2: -> FLOCK  ADVISORY  WRITE 223 fe:00:777 0 EOF
3: FLOCK  ADVISORY  READ 333 fe:00:888 0 EOF
4: OFDLCK ADVISORY  WRITE -1 00:06:999 0 EOF
5: FLOCK  ADVISORY  WRITE 0 fe:00:1000 0 EOF
`;

it.each([
  { name: 'an exclusive holder', inode: 777, want: 222 },
  { name: 'a shared holder', inode: 888, want: 333 },
  { name: 'no one for a lock of another kind', inode: 4242, want: null },
  { name: 'no one for an inode that is not listed', inode: 77, want: null },
  { name: 'no one for a holder in another container', inode: 1000, want: null },
])('findLockHolder() finds $name', ({ inode, want }) => {
  expect(findLockHolder(LOCKS, inode)).toBe(want);
});

it('findLockHolder() is null for an empty table', () => {
  expect(findLockHolder('', 1)).toBeNull();
});
