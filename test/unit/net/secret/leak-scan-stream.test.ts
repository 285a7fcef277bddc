import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toLeak } from '../../../../src/net/secret/inject.ts';
import { LeakScanStream } from '../../../../src/net/secret/leak/leak-scan-stream.ts';
import { LeakScanner } from '../../../../src/net/secret/leak/leak-scanner.ts';
import { PlaceholderIndex } from '../../../../src/net/secret/leak/placeholder-index.ts';
import { createPlaceholder } from '../../../../src/net/secret/placeholder.ts';

const P = createPlaceholder('TOKEN', Buffer.alloc(32, 7));
const index = new PlaceholderIndex([
  { name: 'OTHER', placeholder: createPlaceholder('OTHER', Buffer.alloc(32, 7)) },
  { name: 'TOKEN', placeholder: P },
]);
/** More than two are searched by what all placeholders share. */
const largeIndex = new PlaceholderIndex(
  ['ONE', 'TWO', 'TOKEN'].map((name) => ({
    name,
    placeholder: createPlaceholder(name, Buffer.alloc(32, 7)),
  })),
);
const FORMS = [
  P,
  Buffer.from(P).toString('base64'),
  Buffer.from(`a${P}b`).toString('base64'),
  Buffer.from(`ab${P}c`).toString('base64url'),
  Buffer.from(P).toString('hex'),
  Buffer.from(P).toString('hex').toUpperCase(),
  P.replaceAll('_', '\\_'),
  P.replaceAll('_', '%5F'),
  P.replaceAll('_', '%5f'),
  P.replaceAll('_', '\\u005f'),
  P.replaceAll('_', '\\u005F'),
];

const TO = { host: 'api.example.com', port: 443, isTls: true };
const inBody = (name: string) => toLeak([], name, { to: TO, place: 'body' });

async function send(pieces: readonly Buffer[], encoding = ''): Promise<Buffer> {
  const received: Buffer[] = [];
  await pipeline(
    Readable.from(pieces, { objectMode: true }),
    new LeakScanStream(index, inBody, encoding),
    async (source) => {
      for await (const chunk of source as AsyncIterable<Buffer>) received.push(chunk);
    },
  );
  return Buffer.concat(received);
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [
    0,
    ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
}

it('LeakScanner finds a placeholder in any form however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(index, largeIndex),
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(...FORMS),
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.nat(500), { maxLength: 12 }),
      (placeholders, before, form, after, cuts) => {
        const scanner = new LeakScanner(placeholders);
        const found = cut(Buffer.concat([before, Buffer.from(form), after]), cuts).map((piece) =>
          scanner.scan(piece),
        );
        expect(found).toContain('TOKEN');
      },
    ),
    { numRuns: 500 },
  );
});

it('LeakScanner finds nothing in a placeholder that is cut short or of another VM', () => {
  const scanner = new LeakScanner(largeIndex);
  for (const form of FORMS)
    expect(scanner.scan(Buffer.from(`${form.slice(0, -4)}....`))).toBeNull();
  const foreign = createPlaceholder('TOKEN', Buffer.alloc(32, 1));
  expect(scanner.scan(Buffer.from(`${foreign} GONDOLIN_SECRET_`))).toBeNull();
});

it('LeakScanStream passes any other bytes on unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat(300), { maxLength: 4 }),
      async (data, cuts) => {
        const bytes = Buffer.from(data);
        expect((await send(cut(bytes, cuts))).equals(bytes)).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});

it('LeakScanStream fails before the chunk that completes a placeholder', async () => {
  const passed: Buffer[] = [];
  const stream = new LeakScanStream(index, inBody);
  const done = pipeline(
    Readable.from([
      Buffer.from('first '),
      Buffer.from(P.slice(0, 40)),
      Buffer.from(`${P.slice(40)} last`),
    ]),
    stream,
    async (source) => {
      for await (const chunk of source as AsyncIterable<Buffer>) passed.push(chunk);
    },
  );
  await expect(done).rejects.toMatchObject({
    code: 'NET_SECRET_LEAK',
    exit: 3,
    details: { name: 'TOKEN', where: 'body' },
    leak: { kind: 'leak', secret: 'TOKEN', place: 'body', where: 'body', reason: 'place' },
  });
  expect(Buffer.concat(passed).toString()).not.toContain('last');
});

const CODINGS = {
  gzip: (data: Buffer) => gzipSync(data),
  deflate: (data: Buffer) => deflateSync(data),
  'DEFLATE ': (data: Buffer) => deflateRawSync(data),
  br: (data: Buffer) => brotliCompressSync(data),
  'gzip, br': (data: Buffer) => brotliCompressSync(gzipSync(data)),
};

it.each(Object.entries(CODINGS))(
  'LeakScanStream looks into a body of content-encoding %s',
  async (coding, encode) => {
    const clean = Buffer.from('nothing here '.repeat(20_000));
    const body = encode(clean);
    expect((await send(cut(body, [7, 100, 1000]), coding)).equals(body)).toBe(true);
    const bad = encode(Buffer.concat([clean, Buffer.from(P), clean]));
    await expect(send(cut(bad, [7, 100, 1000]), coding)).rejects.toMatchObject({
      code: 'NET_SECRET_LEAK',
    });
  },
);

it.each(['gzip, gzip', 'br, gzip', 'gzip, deflate, br'])(
  'LeakScanStream passes nothing of a body on that came in one piece with content-encoding %s',
  async (coding) => {
    const encode = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
    const body = coding
      .split(', ')
      .reduce((data, name) => encode[name as keyof typeof encode](data), Buffer.from(P));
    const passed: Buffer[] = [];
    const scan = new LeakScanStream(index, inBody, coding);
    scan.on('data', (chunk: Buffer) => passed.push(chunk));
    const failed = once(scan, 'error');
    scan.end(body);
    expect((await failed)[0]).toMatchObject({ code: 'NET_SECRET_LEAK' });
    expect(passed).toEqual([]);
  },
);

it('LeakScanStream lets a body through that grows a thousandfold at each of two decodings, to 12 MiB', async () => {
  const body = gzipSync(gzipSync(Buffer.alloc(12 * 2 ** 20)));
  expect((await send([body], 'gzip, gzip')).equals(body)).toBe(true);
});

it.each(['gzip', 'deflate', 'br', 'compress', 'gzip,gzip,gzip,gzip'])(
  'LeakScanStream passes a body on that is not what its content-encoding %s says, and still looks at it as it is',
  async (coding) => {
    const body = Buffer.from('x'.repeat(300_000));
    expect((await send(cut(body, [10, 70_000, 140_000]), coding)).equals(body)).toBe(true);
    await expect(send([body, Buffer.from(P)], coding)).rejects.toMatchObject({
      code: 'NET_SECRET_LEAK',
    });
  },
);

it('LeakScanStream passes a compressed body on that ends too soon', async () => {
  const body = gzipSync(Buffer.from('x'.repeat(100_000))).subarray(0, 60);
  expect((await send([body], 'gzip')).equals(body)).toBe(true);
});
