import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, it, onTestFinished, vi } from 'vitest';
import {
  DnsFrameDecoder,
  frameDns,
  serveDnsStream,
} from '../../../../src/net/dns/serve-dns-stream.ts';

/** A stream whose reading side gives `chunks`, and what was written to it. */
function streamOf(chunks: readonly Buffer[]): { stream: Duplex; written: Buffer[] } {
  const written: Buffer[] = [];
  const left = [...chunks];
  const stream = new Duplex({
    read() {
      this.push(left.shift() ?? null);
    },
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  return { stream, written };
}

const message = (fill: number, length = 12) => Buffer.alloc(length, fill);

it('DnsFrameDecoder gives the messages back, however the bytes are cut', () => {
  const lengths = fc.array(fc.integer({ min: 12, max: 300 }), { maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(lengths, cuts, (sizes, steps) => {
      const messages = sizes.map((size, index) => message(index, size));
      const bytes = Buffer.concat(messages.map(frameDns));
      const decoder = new DnsFrameDecoder();
      const got: Buffer[] = [];
      for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
        const step = steps[turn % steps.length] ?? 1;
        got.push(...decoder.push(bytes.subarray(offset, offset + step)));
        offset += step;
      }
      expect(got).toEqual(messages);
    }),
  );
});

it.each([0, 11, 4_097, 65_535])('DnsFrameDecoder ends at a length of %i', (length) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(length);
  const decoder = new DnsFrameDecoder();
  expect(decoder.push(Buffer.concat([frameDns(message(1)), bytes]))).toEqual([message(1)]);
  expect(decoder.isBroken).toBe(true);
  expect(decoder.push(frameDns(message(2)))).toEqual([]);
});

it('serveDnsStream() answers in order and ends with the client', async () => {
  const bytes = Buffer.concat([message(1), message(2), message(3)].map(frameDns));
  const { stream, written } = streamOf([
    bytes.subarray(0, 5),
    bytes.subarray(5, 20),
    bytes.subarray(20),
  ]);
  await serveDnsStream(stream, async (query) =>
    query[0] === 2 ? null : Buffer.from([query[0] ?? 0]),
  );
  expect(Buffer.concat(written)).toEqual(Buffer.from([0, 1, 1, 0, 1, 3]));
  expect(stream.writableFinished).toBe(true);
});

it('serveDnsStream() answers what came before a bad length, then ends', async () => {
  const { stream, written } = streamOf([
    frameDns(message(1)),
    Buffer.from([0xff, 0xff, 0]),
    frameDns(message(2)),
  ]);
  await serveDnsStream(stream, async () => Buffer.from([9]));
  expect(Buffer.concat(written)).toEqual(Buffer.from([0, 1, 9]));
});

it('serveDnsStream() asks no faster than the client reads, and ends when it goes away', async () => {
  const asked: number[] = [];
  const left = Array.from({ length: 200 }, (_, index) => frameDns(message(index)));
  let release: (() => void) | undefined;
  const stream = new Duplex({
    read() {
      this.push(left.shift() ?? null);
    },
    write(_chunk, _encoding, done) {
      release = done;
    },
  });
  const served = serveDnsStream(stream, async (query) => {
    asked.push(query[0] ?? 0);
    return Buffer.alloc(100);
  });
  const settle = async () => {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  expect(asked).toEqual([0]);
  release?.();
  await settle();
  expect(asked).toEqual([0, 1]);
  stream.destroy();
  await served;
  expect(asked).toEqual([0, 1]);
});

it('serveDnsStream() ends at a bad length behind good messages of one chunk', async () => {
  const bytes = Buffer.concat([frameDns(message(1)), Buffer.from([0, 3]), frameDns(message(2))]);
  const { stream, written } = streamOf([bytes, Buffer.from([1])]);
  await serveDnsStream(stream, async (query) => query.subarray(0, 1));
  expect(Buffer.concat(written)).toEqual(Buffer.from([0, 1, 1]));
  expect(stream.destroyed).toBe(true);
});

it('serveDnsStream() gives up on a client that neither sends nor reads', async () => {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const silent = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const deaf = new Duplex({
    read() {
      this.push(frameDns(message(1)));
    },
    write() {},
  });
  const served = [silent, deaf].map((stream) =>
    serveDnsStream(stream, async (query) => query, 1_000),
  );
  await vi.advanceTimersByTimeAsync(900);
  expect(silent.destroyed).toBe(false);
  silent.push(frameDns(message(1)));
  await vi.advanceTimersByTimeAsync(900);
  expect([silent.destroyed, deaf.destroyed]).toEqual([false, true]);
  await vi.advanceTimersByTimeAsync(200);
  expect(silent.destroyed).toBe(true);
  await Promise.all(served);
});
