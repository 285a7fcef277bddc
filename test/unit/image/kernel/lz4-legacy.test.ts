import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeLz4Legacy } from '../../../../src/image/kernel/lz4-legacy.ts';

const MAGIC = Buffer.from('02214c18', 'hex');

function frame(...blocks: Buffer[]): Buffer {
  return Buffer.concat([
    MAGIC,
    ...blocks.flatMap((block) => {
      const head = Buffer.alloc(4);
      head.writeUInt32LE(block.length);
      return [head, block];
    }),
  ]);
}

/** A length as the format spells it: a nibble, then bytes of 255 and a rest. */
function spell(length: number): { nibble: number; extra: Buffer } {
  if (length < 15) return { nibble: length, extra: Buffer.alloc(0) };
  const rest = length - 15;
  return {
    nibble: 15,
    extra: Buffer.from([...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255]),
  };
}

function sequence(literals: Buffer, match: { offset: number; length: number } | null): Buffer {
  const head = spell(literals.length);
  const tail = match === null ? { nibble: 0, extra: Buffer.alloc(0) } : spell(match.length - 4);
  const offset = match === null ? [] : [match.offset & 0xff, match.offset >> 8];
  return Buffer.concat([
    Buffer.from([(head.nibble << 4) | tail.nibble]),
    head.extra,
    literals,
    Buffer.from(offset),
    tail.extra,
  ]);
}

it('decodeLz4Legacy() copies literals', () => {
  const text = Buffer.from('x'.repeat(300));
  expect(decodeLz4Legacy(frame(sequence(text, null)), 1000).equals(text)).toBe(true);
});

it('decodeLz4Legacy() repeats bytes when a match overlaps its own output', () => {
  const block = Buffer.concat([
    sequence(Buffer.from('ab'), { offset: 2, length: 300 }),
    sequence(Buffer.from('!'), null),
  ]);
  expect(decodeLz4Legacy(frame(block), 1000).toString()).toBe(`${'ab'.repeat(151)}!`);
});

it('decodeLz4Legacy() takes a match from far behind', () => {
  const block = Buffer.concat([
    sequence(Buffer.from('0123456789'), { offset: 10, length: 5 }),
    sequence(Buffer.from('.'), null),
  ]);
  expect(decodeLz4Legacy(frame(block), 1000).toString()).toBe('012345678901234.');
});

it('decodeLz4Legacy() joins blocks and frames', () => {
  const one = frame(sequence(Buffer.from('one '), null), sequence(Buffer.from('two '), null));
  const joined = Buffer.concat([one, frame(sequence(Buffer.from('three'), null))]);
  expect(decodeLz4Legacy(joined, 1000).toString()).toBe('one two three');
});

const reachesBack = frame(
  sequence(Buffer.from('first'), null),
  Buffer.concat([
    sequence(Buffer.from('a'), { offset: 2, length: 4 }),
    sequence(Buffer.from('b'), null),
  ]),
);

it.each([
  ['there is no magic', Buffer.from('00000000', 'hex')],
  ['it is empty', Buffer.alloc(0)],
  ['a block header is cut off', Buffer.concat([MAGIC, Buffer.from([1, 0])])],
  ['a block is cut off', frame(sequence(Buffer.from('hello'), null)).subarray(0, -1)],
  ['literals go beyond the block', frame(Buffer.from([0x50, 0x61]))],
  ['a length is cut off', frame(Buffer.from([0xf0, 0xff]))],
  [
    'an offset is 0',
    frame(
      Buffer.concat([
        sequence(Buffer.from('a'), { offset: 0, length: 4 }),
        sequence(Buffer.from('b'), null),
      ]),
    ),
  ],
  [
    'an offset points before the output',
    frame(
      Buffer.concat([
        sequence(Buffer.from('a'), { offset: 2, length: 4 }),
        sequence(Buffer.from('b'), null),
      ]),
    ),
  ],
  ['a match reaches into the block before', reachesBack],
  ['a block ends with a match', frame(sequence(Buffer.from('a'), { offset: 1, length: 4 }))],
  ['the output is larger than the limit', frame(sequence(Buffer.alloc(1001), null))],
])('decodeLz4Legacy() throws RangeError when %s', (_, data) => {
  expect(() => decodeLz4Legacy(data, 1000)).toThrow(RangeError);
});

it('decodeLz4Legacy() gives data or a RangeError when a block is random', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        expect(decodeLz4Legacy(frame(Buffer.from(bytes)), 4096).length).toBeLessThanOrEqual(4096);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});
