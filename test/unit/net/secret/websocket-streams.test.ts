import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toLeak } from '../../../../src/net/secret/inject.ts';
import { PlaceholderIndex } from '../../../../src/net/secret/leak/placeholder-index.ts';
import { createPlaceholder } from '../../../../src/net/secret/placeholder.ts';
import { ScrubPatterns } from '../../../../src/net/secret/scrub/scrub-patterns.ts';
import { secretPatterns } from '../../../../src/net/secret/scrub/secret-patterns.ts';
import {
  encodeWebSocketFrame,
  FrameParser,
} from '../../../../src/net/secret/websocket/websocket-frames.ts';
import {
  WebSocketLeakScanStream,
  WebSocketScrubStream,
} from '../../../../src/net/secret/websocket/websocket-streams.ts';

const P = createPlaceholder('TOKEN', Buffer.alloc(32, 7));
const VALUE = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
const index = new PlaceholderIndex([{ name: 'TOKEN', placeholder: P }]);

interface Frame {
  readonly isFinal: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A client's frame. */
function masked({ isFinal, opcode, payload }: Frame): Buffer {
  const plain = encodeWebSocketFrame({ isFinal, opcode }, payload);
  const head = plain.subarray(0, plain.length - payload.length);
  head[1] = (head[1] ?? 0) | 0x80;
  const mask = Buffer.from([0x11, 0x22, 0x33, 0x44]);
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0))]);
}

function parse(pieces: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  let payload: Buffer[] = [];
  const parser = new FrameParser({
    onHead: () => {
      payload = [];
    },
    onPayload: (bytes) => payload.push(bytes),
    onEnd: ({ isFinal, opcode }) =>
      frames.push({ isFinal, opcode, payload: Buffer.concat(payload) }),
  });
  for (const piece of pieces) parser.push(piece);
  return frames;
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [
    0,
    ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
}

/** Data messages joined from their pieces, and control frames, in order. */
function messagesOf(frames: readonly Frame[]): string[] {
  const messages: string[] = [];
  let open = null as { readonly opcode: number; readonly text: string } | null;
  for (const { isFinal, opcode, payload } of frames) {
    const text = payload.toString('latin1');
    if (opcode >= 8) {
      messages.push(`${opcode}:${text}`);
      continue;
    }
    // A message begins with its opcode and goes on with continuations only.
    expect(opcode === 0).toBe(open !== null);
    open = open === null ? { opcode, text } : { ...open, text: open.text + text };
    if (isFinal) messages.push(`${open.opcode}:${open.text}`);
    if (isFinal) open = null;
  }
  return messages;
}

async function through(stream: Transform, pieces: readonly Buffer[]): Promise<Buffer> {
  const received: Buffer[] = [];
  await pipeline(Readable.from(pieces), stream, async (source) => {
    for await (const chunk of source as AsyncIterable<Buffer>) received.push(chunk);
  });
  return Buffer.concat(received);
}

const text = (payload: string, isFinal = true, opcode = 1): Frame => ({
  isFinal,
  opcode,
  payload: Buffer.from(payload, 'latin1'),
});

it.each([0, 1, 125, 126, 127, 65_535, 65_536, 100_000])(
  'FrameParser reads what encodeWebSocketFrame() writes, with %d bytes, however it is cut',
  (length) => {
    const frame = { isFinal: true, opcode: 2, payload: Buffer.alloc(length, 'abc') };
    const bytes = Buffer.concat([encodeWebSocketFrame(frame, frame.payload), masked(frame)]);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 6 }), (cuts) => {
        const frames = parse(cut(bytes, cuts));
        expect(frames.map(({ isFinal, opcode }) => [isFinal, opcode])).toEqual([
          [true, 2],
          [true, 2],
        ]);
        // Comparing large buffers any other way takes seconds.
        expect(frames.every(({ payload }) => payload.equals(frame.payload))).toBe(true);
      }),
      { numRuns: 20 },
    );
  },
);

it('FrameParser refuses long or cut control frames and lengths beyond measure', () => {
  const bad = [
    encodeWebSocketFrame({ isFinal: true, opcode: 9 }, Buffer.alloc(126)),
    encodeWebSocketFrame({ isFinal: false, opcode: 9 }, Buffer.alloc(1)),
    Buffer.from([0x82, 127, 255, 0, 0, 0, 0, 0, 0, 0]),
  ];
  for (const bytes of bad) {
    expect(() => parse([bytes])).toThrow(
      expect.objectContaining({ code: 'NET_WEBSOCKET_INVALID' }),
    );
  }
});

const TO = { host: 'api.example.com', port: 443, isTls: true };
const inMessage = (name: string) => toLeak([], name, { to: TO, place: 'websocket' });

it('WebSocketLeakScanStream passes other messages on byte for byte', async () => {
  const bytes = Buffer.concat([
    masked(text('hello')),
    masked(text('x'.repeat(70_000))),
    masked(text('', true, 9)),
  ]);
  expect(
    (
      await through(new WebSocketLeakScanStream(index, inMessage), cut(bytes, [1, 3, 9, 500]))
    ).equals(bytes),
  ).toBe(true);
});

it.each([
  { name: 'one message', frames: [text(`{"token":"${P}"}`)] },
  { name: 'two pieces', frames: [text(P.slice(0, 20), false), text(P.slice(20), true, 0)] },
  {
    name: 'two pieces with a ping between',
    frames: [text(P.slice(0, 20), false), text('ping', true, 9), text(P.slice(20), true, 0)],
  },
  { name: 'a ping', frames: [text(P, true, 9)] },
  { name: 'base64', frames: [text(Buffer.from(`a${P}`).toString('base64'))] },
])('WebSocketLeakScanStream fails on a placeholder in $name', async ({ frames }) => {
  const bytes = Buffer.concat(frames.map(masked));
  for (const cuts of [[], [3], [20, 21, 40]]) {
    await expect(
      through(new WebSocketLeakScanStream(index, inMessage), cut(bytes, cuts)),
    ).rejects.toMatchObject({
      code: 'NET_SECRET_LEAK',
      details: { name: 'TOKEN', where: 'websocket' },
      leak: { secret: 'TOKEN', place: 'websocket' },
    });
  }
});

it('WebSocketScrubStream turns values back in any message, whatever its pieces', async () => {
  const patterns = new ScrubPatterns(secretPatterns(VALUE, P));
  const frames = [
    text(`a ${VALUE} b`),
    text(VALUE.slice(0, 10), false, 2),
    text(`ping ${VALUE}`, true, 9),
    text(`${VALUE.slice(10)}!`, false, 0),
    text('', true, 0),
    text(VALUE.slice(0, 20)),
    text('', true, 10),
    text(`\x03\xe8${VALUE}`, true, 8),
  ];
  const bytes = Buffer.concat(frames.map((frame) => encodeWebSocketFrame(frame, frame.payload)));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 20 }), async (cuts) => {
      const output = await through(new WebSocketScrubStream(patterns), cut(bytes, cuts));
      const messages = messagesOf(parse([output]));
      expect(messages.filter((message) => !/^9:|^10:|^8:/.test(message))).toEqual([
        `1:a ${P} b`,
        `2:${P}!`,
        `1:${VALUE.slice(0, 20)}`,
      ]);
      expect(messages.filter((message) => /^9:|^10:|^8:/.test(message))).toEqual([
        `9:ping ${P}`,
        '10:',
        `8:\x03\xe8${P}`,
      ]);
    }),
    { numRuns: 30 },
  );
});

it('WebSocketScrubStream refuses frames it cannot look into', async () => {
  const patterns = new ScrubPatterns(secretPatterns(VALUE, P));
  const compressed = encodeWebSocketFrame({ isFinal: true, opcode: 1 | 0x40 }, Buffer.from('x'));
  for (const bytes of [compressed, masked(text('x'))]) {
    await expect(through(new WebSocketScrubStream(patterns), [bytes])).rejects.toMatchObject({
      code: 'NET_WEBSOCKET_INVALID',
    });
  }
});
