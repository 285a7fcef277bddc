import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  encodeCredit,
  INPUT_CREDIT_BYTES,
  InputCredit,
} from '../../../src/session/frames/input-credit.ts';
import {
  encodeChannelHeader,
  MAX_FRAME_PAYLOAD,
  SESSION_CHANNEL,
  type SessionChannel,
  type SessionFrame,
  SessionFrameDecoder,
} from '../../../src/session/frames/session-frame.ts';
import { decodeSize, encodeSize } from '../../../src/session/frames/window-size.ts';

const channels = Object.keys(SESSION_CHANNEL) as SessionChannel[];
const frame = fc.record({
  channel: fc.constantFrom(...channels),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

function encode({ channel, payload }: SessionFrame): Buffer {
  return Buffer.concat([encodeChannelHeader(channel, payload.length), payload]);
}

/** Cuts bytes at some places, as a socket may. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  const sorted = at.toSorted((a, b) => a - b);
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

it('SessionFrameDecoder returns the frames that were sent, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(2000)), (sent, places) => {
      const decoder = new SessionFrameDecoder();
      const chunks = cut(Buffer.concat(sent.map(encode)), places);
      const got = chunks.flatMap((chunk) => [...decoder.push(chunk)]);
      expect(got).toEqual(sent);
      expect(decoder.isIncomplete).toBe(false);
    }),
  );
});

it('SessionFrameDecoder refuses an unknown channel and a long frame, and never holds more than one frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4000 }), (bytes) => {
      const decoder = new SessionFrameDecoder();
      try {
        for (const { channel, payload } of decoder.push(Buffer.from(bytes))) {
          expect(channels).toContain(channel);
          expect(payload.length).toBeLessThanOrEqual(MAX_FRAME_PAYLOAD);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'SESSION_FAILED' });
      }
    }),
  );
  const push = (bytes: number[]) => [...new SessionFrameDecoder().push(Buffer.from(bytes))];
  expect(() => push([channels.length, 0, 0, 0, 0])).toThrow('channel');
  expect(() => push([1, 0, 1, 0, 1])).toThrow('65537 bytes');
  expect(push([1, 0, 1, 0, 0])).toEqual([]);
});

it('InputCredit gives what is left, and waits for more', async () => {
  const credit = new InputCredit();
  expect(await credit.take(10)).toBe(10);
  expect(await credit.take(10 * INPUT_CREDIT_BYTES)).toBe(INPUT_CREDIT_BYTES - 10);
  const waiting = credit.take(7);
  credit.add(encodeCredit(5));
  expect(await waiting).toBe(5);
  expect(() => credit.add(Buffer.alloc(3))).toThrow('credit');
});

it('decodeSize() returns what encodeSize() wrote, and refuses an empty terminal', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 65_535 }),
      fc.integer({ min: 1, max: 65_535 }),
      (rows, columns) => {
        expect(decodeSize(encodeSize(rows, columns))).toEqual({ rows, columns });
      },
    ),
  );
  expect(() => decodeSize(encodeSize(0, 80))).toThrow('empty');
  expect(() => decodeSize(Buffer.alloc(3))).toThrow('size');
});
