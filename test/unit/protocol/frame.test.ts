import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import {
  INITIAL_WINDOW_BYTES,
  MAX_DATA_BYTES,
  MAX_GUEST_PAYLOAD_BYTES,
  MAX_HOST_PAYLOAD_BYTES,
} from '../../../src/protocol/constants.ts';
import {
  encodeFrame,
  encodeFrameHeader,
  type Frame,
  type FrameType,
  type Sender,
} from '../../../src/protocol/frame.ts';
import { FrameDecoder } from '../../../src/protocol/frame-decoder.ts';

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const streamId = fc.integer({ min: 1, max: 2 ** 32 - 1 });

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constant('MESSAGE' as const), payload: bytes(8, 300) }),
  fc.record({
    type: fc.constant('OPEN' as const),
    streamId,
    kind: fc.nat(255),
    body: bytes(0, 63),
  }),
  fc.record({ type: fc.constant('DATA' as const), streamId, payload: bytes(1, 300) }),
  fc.record({ type: fc.constant('EOF' as const), streamId }),
  fc.record({
    type: fc.constant('RESET' as const),
    streamId,
    reason: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({
    type: fc.constant('CREDIT' as const),
    streamId,
    bytes: fc.integer({ min: 1, max: INITIAL_WINDOW_BYTES }),
  }),
);

/** Cuts bytes at any places, so that fields and payloads span chunks. */
function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (whole.length + 1)))].toSorted(
    (a, b) => a - b,
  );
  return [...ends, whole.length].map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
}

interface Decoded {
  readonly frames: Frame[];
  readonly error: unknown;
}

function decode(chunks: readonly Buffer[], sender: Sender = 'guest'): Decoded {
  const decoder = new FrameDecoder(sender);
  const frames: Frame[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) frames.push(frame);
    }
  } catch (error) {
    return { frames, error };
  }
  return { frames, error: null };
}

it('FrameDecoder gives back what encodeFrame() made when it comes in any chunks', () => {
  fc.assert(
    fc.property(fc.array(anyFrame), fc.array(fc.nat(5_000)), (frames, places) => {
      const chunks = cut(Buffer.concat(frames.map(encodeFrame)), places);
      expect(decode(chunks)).toEqual({ frames, error: null });
    }),
  );
});

it('FrameDecoder gives the same frames and the same error however random bytes are chunked', () => {
  const almostFrame = fc.tuple(anyFrame, fc.nat(11), fc.nat(255)).map(([frame, place, value]) => {
    const whole = encodeFrame(frame);
    whole.writeUInt8(value, place);
    return whole;
  });
  const input = fc.array(fc.oneof(anyFrame.map(encodeFrame), almostFrame, bytes(0, 40)));
  fc.assert(
    fc.property(input, fc.array(fc.nat(5_000)), (parts, places) => {
      const whole = Buffer.concat(parts);
      const atOnce = decode([whole]);
      const chunked = decode(cut(whole, places));
      expect(chunked.frames).toEqual(atOnce.frames);
      expect(chunked.error).toEqual(atOnce.error);
      if (atOnce.error !== null) expect(GondolinError.is(atOnce.error)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it('FrameDecoder gives a payload that lies in one chunk without a copy', () => {
  const payload = Buffer.from('payload');
  const chunk = encodeFrame({ type: 'DATA', streamId: 2, payload });
  const [frame] = decode([chunk]).frames;
  expect(frame?.type === 'DATA' && frame.payload.buffer).toBe(chunk.buffer);
});

it('FrameDecoder gives frames up to the first broken one', () => {
  const good = encodeFrame({ type: 'EOF', streamId: 2 });
  const { frames, error } = decode([Buffer.concat([good, Buffer.alloc(12, 0xff)])]);
  expect(frames).toEqual([{ type: 'EOF', streamId: 2 }]);
  expect(error).toMatchObject({ code: 'GUEST_PROTOCOL' });
});

it('push() throws when the former chunk is not used up', () => {
  const decoder = new FrameDecoder('guest');
  decoder.push(Buffer.alloc(12));
  expect(() => decoder.push(Buffer.alloc(1))).toThrow(RangeError);
});

/** A header alone: what is wrong must show before the payload is waited for. */
function header(type: FrameType, id: number, length: number): Buffer {
  return encodeFrameHeader(type, id, length);
}

function changed(place: number, value: number): Buffer {
  const bytes = header('EOF', 2, 0);
  bytes.writeUInt8(value, place);
  return bytes;
}

it.each<[string, Buffer, Record<string, unknown>]>([
  ['type 0', changed(4, 0), { subject: 'frame', got: 0 }],
  ['type 8', changed(4, 8), { subject: 'frame', got: 8 }],
  ['flags', changed(5, 1), { subject: 'EOF' }],
  ['the low reserved byte', changed(6, 1), { subject: 'EOF' }],
  ['the high reserved byte', changed(7, 128), { subject: 'EOF' }],
  ['a MESSAGE on a stream', header('MESSAGE', 2, 8), { subject: 'MESSAGE', got: 2 }],
  ['DATA on stream 0', header('DATA', 0, 1), { subject: 'DATA', got: 0 }],
  ['EOF on stream 0', header('EOF', 0, 0), { subject: 'EOF', got: 0 }],
  ['a short MESSAGE', header('MESSAGE', 0, 7), { subject: 'MESSAGE', limit: 8, got: 7 }],
  ['empty DATA', header('DATA', 2, 0), { subject: 'DATA', limit: 1, got: 0 }],
  ['OPEN without a kind', header('OPEN', 1, 0), { subject: 'OPEN', limit: 1, got: 0 }],
  ['a long OPEN', header('OPEN', 1, 65), { subject: 'OPEN', limit: 64, got: 65 }],
  ['EOF with a payload', header('EOF', 2, 1), { subject: 'EOF', limit: 0, got: 1 }],
  ['a short RESET', header('RESET', 2, 3), { subject: 'RESET', limit: 4, got: 3 }],
  ['a long CREDIT', header('CREDIT', 2, 5), { subject: 'CREDIT', limit: 4, got: 5 }],
  [
    'a MESSAGE above the limit',
    header('MESSAGE', 0, MAX_GUEST_PAYLOAD_BYTES + 1),
    { subject: 'MESSAGE', limit: MAX_GUEST_PAYLOAD_BYTES, got: MAX_GUEST_PAYLOAD_BYTES + 1 },
  ],
  [
    'DATA of 4 GiB',
    header('DATA', 2, 2 ** 32 - 1),
    { subject: 'DATA', limit: MAX_DATA_BYTES, got: 2 ** 32 - 1 },
  ],
])('FrameDecoder throws GUEST_PROTOCOL for %s', (_name, chunk, details) => {
  const { frames, error } = decode([chunk]);
  expect(frames).toEqual([]);
  expect(error).toMatchObject({ code: 'GUEST_PROTOCOL', exit: 125, details });
});

it.each<[string, Frame]>([
  ['CREDIT of 0', { type: 'CREDIT', streamId: 2, bytes: 0 }],
  ['CREDIT above a window', { type: 'CREDIT', streamId: 2, bytes: INITIAL_WINDOW_BYTES + 1 }],
  ['RESET without a reason', { type: 'RESET', streamId: 2, reason: 0 }],
  ['RESET with an unknown reason', { type: 'RESET', streamId: 2, reason: 7 }],
])('FrameDecoder throws GUEST_PROTOCOL for %s', (_name, frame) => {
  expect(decode([encodeFrame(frame)]).error).toMatchObject({
    code: 'GUEST_PROTOCOL',
    details: { subject: frame.type },
  });
});

it('FrameDecoder accepts the longest payload of each sender and rejects one byte more', () => {
  const longest = encodeFrame({
    type: 'MESSAGE',
    payload: Buffer.alloc(MAX_HOST_PAYLOAD_BYTES, 7),
  });
  const { frames } = decode(cut(longest, [3, 20, 1_000_000]), 'host');
  expect(frames[0]?.type === 'MESSAGE' && frames[0].payload.length).toBe(MAX_HOST_PAYLOAD_BYTES);
  expect(decode([header('MESSAGE', 0, MAX_HOST_PAYLOAD_BYTES + 1)], 'host').error).toMatchObject({
    details: { limit: MAX_HOST_PAYLOAD_BYTES },
  });
  expect(decode([header('DATA', 2, MAX_DATA_BYTES + 1)], 'host').error).toMatchObject({
    details: { limit: MAX_DATA_BYTES },
  });
});

it('the error of a broken frame shows no byte of its payload', () => {
  const secret = Buffer.from('s3cr3t-bytes');
  const { error } = decode([Buffer.concat([header('CREDIT', 2, 4), secret])]);
  expect(JSON.stringify(error) + String(error)).not.toContain('s3cr');
});
