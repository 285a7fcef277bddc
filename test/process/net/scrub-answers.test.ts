import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import {
  brotliCompressSync,
  createGzip,
  deflateRawSync,
  deflateSync,
  gunzip,
  gzipSync,
} from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import type { HeaderList } from '../../../src/net/secret/header-list.ts';
import { createPlaceholderSeed } from '../../../src/net/secret/placeholder.ts';
import { SecretStore } from '../../../src/net/secret/secret-store.ts';
import { checkSecretValue } from '../../../src/net/secret/secret-value.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';

const VALUE = 'sk-live/4eC39HqLyjWDarjtT1zdp7dc+x=';
const PLACE = { host: '127.0.0.1', port: 80, isTls: true };

function storeOf(host = '127.0.0.1'): { store: SecretStore; placeholder: string } {
  const value = checkSecretValue('KEY', VALUE);
  const store = new SecretStore([{ name: 'KEY', hosts: [host], value }], createPlaceholderSeed());
  return { store, placeholder: store.env['KEY'] ?? '' };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function listen(answer: Answer): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function pairs(raw: readonly string[]): HeaderList {
  return raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : [],
  );
}

/** What a guest gets for one request through a store, as the proxy goes about it. */
async function fetchThrough(store: SecretStore, port: number, headers: HeaderList) {
  const prepared = store.prepareRequest({ headers, target: '/echo' }, PLACE);
  expect(prepared.leak).toBeNull();
  const outgoing = request({
    port,
    host: '127.0.0.1',
    path: prepared.target,
    headers: ['host', '127.0.0.1', ...prepared.headers.flat()],
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const plan = store.planResponse(prepared.scrub, {
    headers: pairs(response.rawHeaders),
    hasBody: true,
  });
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, callback) {
      chunks.push(chunk);
      callback();
    },
  });
  await pipeline([response, ...plan.createTransforms(), sink]);
  return { body: Buffer.concat(chunks).toString('utf8'), headers: plan.headers, plan };
}

const ENCODERS: Record<string, (data: Buffer) => Buffer> = {
  identity: (data) => data,
  gzip: (data) => gzipSync(data),
  deflate: (data) => deflateSync(data),
  Deflate: (data) => deflateRawSync(data),
  br: (data) => brotliCompressSync(data),
  'gzip, br': (data) => brotliCompressSync(gzipSync(data)),
};

it.each(Object.entries(ENCODERS))(
  'an echo in content-encoding %s comes back with the placeholder, headers too',
  async (coding, encode) => {
    const { store, placeholder } = storeOf();
    const seen: string[] = [];
    const port = await listen(({ headers }, response) => {
      seen.push(headers['x-api-key'] as string, headers.authorization ?? '');
      const body = encode(
        Buffer.from(
          `${'pad '.repeat(9000)}${JSON.stringify(headers)} ${encodeURIComponent(VALUE)}`,
        ),
      );
      response.writeHead(
        200,
        [
          ['Content-Encoding', coding],
          ['Content-Length', String(body.length)],
          ['Location', `/?key=${encodeURIComponent(VALUE)}`],
        ].flat(),
      );
      response.end(body);
    });
    const basic = `Basic ${Buffer.from(`me:${placeholder}`).toString('base64')}`;
    const answer = await fetchThrough(store, port, [
      ['x-api-key', placeholder],
      ['Authorization', basic],
      ['Accept-Encoding', 'gzip, br'],
    ]);
    expect(seen).toEqual([VALUE, `Basic ${Buffer.from(`me:${VALUE}`).toString('base64')}`]);
    const whole = answer.body + JSON.stringify(answer.headers);
    expect(whole).not.toContain('4eC39HqLyjWDarjtT1zdp7dc');
    expect(whole).not.toContain(Buffer.from(VALUE).toString('base64').slice(4, -4));
    expect(answer.body).toContain(`"x-api-key":"${placeholder}"`);
    expect(answer.body.endsWith(` ${placeholder}`)).toBe(true);
    const shown = /"authorization":"Basic ([^"]+)"/.exec(answer.body)?.[1] ?? '';
    expect(Buffer.from(shown, 'base64').toString()).toMatch(
      new RegExp(`^me:${placeholder}_{0,2}$`),
    );
    expect(answer.body).toContain('"accept-encoding":"identity"');
    const names = answer.headers.map(([name]) => name.toLowerCase());
    expect(names).not.toContain('content-length');
    expect(names.includes('content-encoding')).toBe(coding === 'identity');
    expect(answer.headers).toContainEqual(['Location', `/?key=${placeholder}`]);
  },
);

it('a value that a server kept comes back as the placeholder in a later answer without one', async () => {
  const { store, placeholder } = storeOf();
  let kept = '';
  const port = await listen(({ headers }, response) => {
    kept = (headers['x-api-key'] as string | undefined) ?? kept;
    response.end(`kept ${kept}`);
  });
  await fetchThrough(store, port, [['x-api-key', placeholder]]);
  expect((await fetchThrough(store, port, [])).body).toBe(`kept ${placeholder}`);
  // A restored VM, or the next one, has sent nothing yet.
  const next = storeOf();
  expect((await fetchThrough(next.store, port, [])).body).toBe(`kept ${next.placeholder}`);
});

it('an answer of a host without a secret comes back byte for byte', async () => {
  const { store } = storeOf('other.test');
  const body = gzipSync('hello');
  const port = await listen((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length });
    response.end(body);
  });
  const answer = await fetchThrough(store, port, []);
  expect(answer.plan.isRewritten).toBe(false);
  expect(answer.headers).toContainEqual(['content-length', String(body.length)]);
});

it('a damaged or cut compressed answer ends in an error, with nothing of the value', async () => {
  const { store, placeholder } = storeOf();
  const whole = gzipSync(`${VALUE} `.repeat(5000));
  const port = await listen((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(whole.subarray(0, whole.length - 12));
  });
  await expect(fetchThrough(store, port, [['x-api-key', placeholder]])).rejects.toMatchObject({
    code: 'Z_BUF_ERROR',
  });
});

it.each(IS_FULL_LOAD ? ['gzip', 'deflate'] : ['gzip'])(
  'a small %s answer that becomes very much waits for its reader in little memory',
  async (coding) => {
    const { store, placeholder } = storeOf();
    store.prepareRequest({ headers: [['x', placeholder]], target: '/' }, PLACE);
    const totalBytes = 128 * 1024 * 1024;
    const block = Buffer.alloc(1024 * 1024);
    const bomb =
      coding === 'deflate'
        ? [deflateSync(Buffer.alloc(64 * 1024 * 1024))]
        : await collectGzip(block, totalBytes);
    const plan = store.planResponse(['KEY'], {
      headers: [['content-encoding', coding]],
      hasBody: true,
    });
    const transforms = plan.createTransforms();
    const clock = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const last = new PassThrough({ highWaterMark: 64 * 1024 });
    const done = pipeline([Readable.from(bomb), ...transforms, last]);
    done.catch(() => undefined);
    // Nobody reads: everything stands still, and what is held is some chunks.
    await once(last, 'readable');
    // The clock is the work itself, on the same threads: time enough for all of it.
    for (let turn = 0; turn < 2; turn += 1) await promisify(gunzip)(clock);
    const held = [...transforms, last].reduce(
      (sum, stream) => sum + stream.readableLength + stream.writableLength,
      0,
    );
    expect(held).toBeLessThan(4 * 1024 * 1024);
    last.destroy();
    await expect(done).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  },
);

it.each(['deflate', 'Deflate'])(
  'an answer of %s with bytes behind its end comes back without them',
  async (coding) => {
    const { store, placeholder } = storeOf();
    const coded = ENCODERS[coding]?.(Buffer.from(`got ${VALUE}`)) ?? Buffer.alloc(0);
    const port = await listen((_, response) => {
      response.writeHead(200, { 'content-encoding': 'deflate' });
      response.write(Buffer.concat([coded, Buffer.from('rest')]));
      response.end('and more');
    });
    const answer = await fetchThrough(store, port, [['x', placeholder]]);
    expect(answer.body).toBe(`got ${placeholder}`);
  },
);

it('a few kilobytes that would become gigabytes end in NET_BODY_LIMIT, in an answer and in a request', async () => {
  const { store } = storeOf();
  const block = Buffer.alloc(1024 * 1024);
  const bomb = gzipSync(Buffer.concat(await collectGzip(block, 512 * block.length)));
  expect(bomb.length).toBeLessThan(4_000);
  const plan = store.planResponse(['KEY'], {
    headers: [['content-encoding', 'gzip, gzip']],
    hasBody: true,
  });
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  const answer = pipeline([Readable.from([bomb]), ...plan.createTransforms(), sink]);
  await expect(answer).rejects.toMatchObject({ code: 'NET_BODY_LIMIT' });
  const scan = store.createLeakScan('body', PLACE, 'gzip, gzip');
  if (scan === null) throw new Error('no scan');
  const sent = pipeline(
    Readable.from([bomb]),
    scan,
    new Writable({ write: (_c, _e, done) => done() }),
  );
  await expect(sent).rejects.toMatchObject({ code: 'NET_BODY_LIMIT' });
});

async function collectGzip(block: Buffer, totalBytes: number): Promise<Buffer[]> {
  const blocks = Readable.from(
    (function* () {
      for (let sent = 0; sent < totalBytes; sent += block.length) yield block;
    })(),
  );
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  await pipeline(blocks, gzip);
  return chunks;
}
