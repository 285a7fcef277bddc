import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type CpioMember,
  encodeCpio,
  encodeCpioMembers,
  encodeCpioTrailer,
} from '../../../src/image/cpio.ts';

interface Decoded {
  readonly path: string;
  readonly fields: readonly number[];
  readonly data: Buffer;
}

/** A reader of its own, straight from the format's description. */
function decode(archive: Buffer): Decoded[] {
  const found: Decoded[] = [];
  let at = 0;
  for (;;) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const fields = Array.from({ length: 13 }, (_, index) =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16),
    );
    const nameBytes = fields[11] ?? 0;
    const sizeBytes = fields[6] ?? 0;
    const path = archive.toString('utf8', at + 110, at + 110 + nameBytes - 1);
    expect(archive[at + 110 + nameBytes - 1]).toBe(0);
    const start = (at + 110 + nameBytes + 3) & ~3;
    const data = archive.subarray(start, start + sizeBytes);
    at = (start + sizeBytes + 3) & ~3;
    if (path === 'TRAILER!!!') {
      expect(at).toBe(archive.length);
      return found;
    }
    found.push({ path, fields, data });
  }
}

const file: CpioMember = { kind: 'file', path: 'init', mode: 0o755, data: Buffer.from('hello') };

it('encodeCpio() writes type, mode, size and data of a file', () => {
  const [member] = decode(encodeCpio([file]));
  expect(member?.path).toBe('init');
  expect(member?.data.toString()).toBe('hello');
  expect(member?.fields).toEqual([0, 0o100755, 0, 0, 1, 0, 5, 0, 0, 0, 0, 5, 0]);
});

it('encodeCpio() writes a directory with two links and no data', () => {
  const [member] = decode(encodeCpio([{ kind: 'directory', path: 'dev', mode: 0o700 }]));
  expect(member?.fields).toEqual([0, 0o040700, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0]);
});

it('encodeCpio() writes the numbers of a character device', () => {
  const member: CpioMember = {
    kind: 'character',
    path: 'dev/console',
    mode: 0o600,
    major: 5,
    minor: 1,
  };
  expect(decode(encodeCpio([member]))[0]?.fields.slice(9, 11)).toEqual([5, 1]);
});

it('encodeCpio() gives back any names and data when decoded', () => {
  const path = fc.stringMatching(/^[a-z0-9._/+-]{1,40}$/).filter((name) => !name.startsWith('/'));
  const member = fc.record({
    kind: fc.constant('file' as const),
    path,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    data: fc.uint8Array({ maxLength: 100 }),
  });
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), (members) => {
      const decoded = decode(encodeCpio(members));
      expect(decoded.map(({ path: name }) => name)).toEqual(members.map(({ path: name }) => name));
      expect(decoded.map(({ data }) => [...data])).toEqual(members.map(({ data }) => [...data]));
    }),
  );
});

it('encodeCpioMembers() gives parts that can stand one behind the other', () => {
  const second: CpioMember = { kind: 'directory', path: 'modules', mode: 0o755 };
  const joined = Buffer.concat([
    encodeCpioMembers([file]),
    encodeCpioMembers([second]),
    encodeCpioTrailer(),
  ]);
  expect(joined.equals(encodeCpio([file, second]))).toBe(true);
});

it.each([
  ['an absolute path', { ...file, path: '/init' }],
  ['an empty path', { ...file, path: '' }],
  ['a NUL in the path', { ...file, path: 'a\0b' }],
  ['the name of the end mark', { ...file, path: 'TRAILER!!!' }],
  ['a path of 4,096 bytes', { ...file, path: 'a'.repeat(4096) }],
  ['a mode with type bits', { ...file, mode: 0o100755 }],
  [
    'a device number that does not fit',
    { kind: 'character', path: 'dev/x', mode: 0, major: 2 ** 33, minor: 0 },
  ],
] as [string, CpioMember][])('encodeCpio() throws RangeError when given %s', (_, member) => {
  expect(() => encodeCpio([member])).toThrow(RangeError);
});
