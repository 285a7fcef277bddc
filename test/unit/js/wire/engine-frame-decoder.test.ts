import { expect, it } from 'vitest';
import { ENGINE_FRAME, encodeEngineFrame } from '../../../../src/js/wire/engine-frame.ts';
import { EngineFrameDecoder } from '../../../../src/js/wire/engine-frame-decoder.ts';

const frames = [
  encodeEngineFrame(ENGINE_FRAME.ready),
  encodeEngineFrame(ENGINE_FRAME.print, Uint8Array.of(0), Buffer.from('text')),
  encodeEngineFrame(ENGINE_FRAME.result, Buffer.alloc(70_000, 7)),
];

it.each([1, 7, 8, 9, 4096, 1_000_000])('push() finds the frames in pieces of %i bytes', (size) => {
  const bytes = Buffer.concat(frames);
  const decoder = new EngineFrameDecoder();
  const found = [];
  for (let at = 0; at < bytes.length; at += size) {
    found.push(...decoder.push(bytes.subarray(at, at + size)));
  }
  expect(found.map(({ type, payload }) => encodeEngineFrame(type, payload))).toEqual(frames);
});

it('push() rejects a length above the limit as soon as its header is there', () => {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(256 * 2 ** 20 + 1);
  expect(() => new EngineFrameDecoder().push(header)).toThrow(RangeError);
});
