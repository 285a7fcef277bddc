import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GoawayScan } from '../../../../../src/net/http/upstream/http2-wire.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function frame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  return Buffer.concat([head, payload]);
}

function goaway(code: number, debug = ''): Buffer {
  const reason = Buffer.alloc(8);
  reason.writeUInt32BE(code, 4);
  return frame(7, Buffer.concat([reason, Buffer.from(debug)]));
}

/** A byte 7 stands in payloads often, so that a scan which loses its place is found out. */
const other = fc
  .tuple(fc.constantFrom(0, 1, 3, 4, 6, 8), fc.uint8Array({ maxLength: 40, max: 8 }))
  .map(([type, payload]) => frame(type, payload));

it('GoawayScan finds the code of a GOAWAY between other frames, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(other, { maxLength: 8 }),
      fc.integer({ min: 0, max: 20 }),
      fc.string({ maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (before, code, debug, sizes) => {
        const bytes = Buffer.concat([PREFACE, ...before, goaway(code, debug), ...before]);
        const scan = new GoawayScan();
        const found: number[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          const read = scan.read(bytes.subarray(at, at + size));
          if (read !== null) found.push(read);
          at += size;
        }
        expect(found).toEqual([code]);
      },
    ),
  );
});

it('GoawayScan finds none where none is', () => {
  fc.assert(
    fc.property(fc.array(other), (frames) => {
      expect(new GoawayScan().read(Buffer.concat([PREFACE, ...frames]))).toBeNull();
    }),
  );
});
