import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReceiveBuffer } from '../../../src/mux/receive-buffer.ts';

function takeAll(buffer: ReceiveBuffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let block = buffer.take(); block !== null; block = buffer.take()) blocks.push(block);
  return blocks;
}

it('ReceiveBuffer gives the bytes in order whatever their sizes and whenever they are taken', () => {
  const step = fc.oneof(
    fc.constant(null),
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 16_000, max: 40_000 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new ReceiveBuffer();
      const given: Buffer[] = [];
      const taken: Buffer[] = [];
      for (const [index, bytes] of steps.entries()) {
        const payload = bytes === null ? null : Buffer.alloc(bytes, index + 1);
        const block = payload === null ? buffer.take() : null;
        if (block !== null) taken.push(block);
        if (payload !== null) {
          buffer.append(payload);
          given.push(payload);
        }
      }
      taken.push(...takeAll(buffer));
      expect(Buffer.concat(taken).equals(Buffer.concat(given))).toBe(true);
      expect(buffer.isEmpty).toBe(true);
    }),
  );
});

it('ReceiveBuffer keeps a large payload without a copy', () => {
  const buffer = new ReceiveBuffer();
  const payload = Buffer.alloc(65_536);
  buffer.append(payload);
  expect(buffer.take()).toBe(payload);
});

it('ReceiveBuffer holds little more than the bytes when small payloads come in large chunks', () => {
  const buffer = new ReceiveBuffer();
  const chunk = Buffer.alloc(65_536);
  for (let count = 0; count < 50_000; count += 1) buffer.append(chunk.subarray(0, 1));
  const held = takeAll(buffer).map((block) => block.buffer.byteLength);
  expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(4 * 50_000);
  expect(held.length).toBeLessThan(10);
});

it('ReceiveBuffer holds a lone small payload in its own length', () => {
  const buffer = new ReceiveBuffer();
  buffer.append(Buffer.alloc(65_536).subarray(0, 10));
  expect(buffer.take()?.buffer.byteLength).toBe(10);
});

it('ReceiveBuffer copies a payload that fills less than half of its chunk, so that it holds no more than twice its bytes', () => {
  const buffer = new ReceiveBuffer();
  const payload = Buffer.alloc(65_536).subarray(0, 20_000);
  buffer.append(payload);
  expect(buffer.bytes).toBe(20_000);
  const block = buffer.take();
  expect(block?.length).toBe(20_000);
  expect(block?.buffer.byteLength).toBeLessThanOrEqual(40_000);
  expect(buffer.bytes).toBe(0);
});

it('clear() drops everything', () => {
  const buffer = new ReceiveBuffer();
  buffer.append(Buffer.alloc(20_000));
  buffer.append(Buffer.alloc(1));
  buffer.clear();
  expect([buffer.isEmpty, buffer.bytes, buffer.take()]).toEqual([true, 0, null]);
});
