import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type DnsRecord,
  DnsRecordDecoder,
  encodeDnsRecord,
} from '../../../src/protocol/dns-records.ts';

const GUEST = expect.objectContaining({ code: 'GUEST_PROTOCOL' });

const anyRecord: fc.Arbitrary<DnsRecord> = fc.record({
  tag: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  message: fc.uint8Array({ minLength: 12, maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
});

function decodeInPieces(whole: Buffer, sizes: readonly number[]): DnsRecord[] {
  const decoder = new DnsRecordDecoder();
  const records: DnsRecord[] = [];
  let start = 0;
  for (const size of [...sizes, whole.length]) {
    // Its own memory, wiped afterwards: the decoder must not keep views of it.
    const piece = Buffer.from(whole.subarray(start, start + size));
    records.push(...decoder.push(piece));
    piece.fill(0xee);
    start += piece.length;
  }
  return records;
}

it('DnsRecordDecoder gives back what encodeDnsRecord() made, however it is chunked', () => {
  fc.assert(
    fc.property(fc.array(anyRecord), fc.array(fc.nat(700)), (records, sizes) => {
      const whole = Buffer.concat(records.map(encodeDnsRecord));
      expect(decodeInPieces(whole, sizes)).toEqual(records);
    }),
  );
});

it('DnsRecordDecoder takes the shortest and the longest message', () => {
  for (const length of [12, 4096]) {
    const record = { tag: 2 ** 32 - 1, message: Buffer.alloc(length, 7) };
    expect(new DnsRecordDecoder().push(encodeDnsRecord(record))).toEqual([record]);
  }
});

it.each([0, 11, 4097, 65_535])(
  'DnsRecordDecoder throws GUEST_PROTOCOL for a length of %i',
  (length) => {
    const header = Buffer.alloc(6);
    header.writeUInt16LE(length, 0);
    const decoder = new DnsRecordDecoder();
    expect(decoder.push(header.subarray(0, 5))).toEqual([]);
    expect(() => decoder.push(header.subarray(5))).toThrow(GUEST);
  },
);

it.each([11, 4097])('encodeDnsRecord() throws RangeError for a message of %i bytes', (length) => {
  expect(() => encodeDnsRecord({ tag: 1, message: Buffer.alloc(length) })).toThrow(RangeError);
});
