import { expect, it } from 'vitest';
import { FieldReader } from '../../../../src/protocol/field-reader.ts';
import { decodeXattrs } from '../../../../src/vm/files/decode.ts';

const field = (text: string) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
};
const decode = (...parts: readonly Buffer[]) =>
  decodeXattrs(new FieldReader('XATTRS', Buffer.concat(parts)));

it('decodeXattrs() reads names and values, empty ones too', () => {
  expect(decode()).toEqual(new Map());
  expect(decode(field('user.a'), field('\0b'), field('user.c'), field(''))).toEqual(
    new Map([
      ['user.a', Buffer.from('\0b')],
      ['user.c', Buffer.alloc(0)],
    ]),
  );
});

it.each([
  ['a name without a value', [field('user.a')]],
  ['an empty name', [field(''), field('x')]],
  ['a name that would end early in an archive', [field('user.a=b'), field('x')]],
  ['a name with a NUL', [field('user.\0'), field('x')]],
  ['a name that is too long', [field('u'.repeat(256)), field('x')]],
  ['a value beyond the end', [field('user.a'), field('abc').subarray(0, 5)]],
])('decodeXattrs() throws GUEST_PROTOCOL for %s', (_what, parts) => {
  expect(() => decode(...parts)).toThrow(expect.objectContaining({ code: 'GUEST_PROTOCOL' }));
});
