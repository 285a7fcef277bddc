import { once } from 'node:events';
import type http from 'node:http';
import type { Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import { TlsTransport } from '../../../src/net/http/guest/tls-transport.ts';
import type { WaitingTimes } from '../../../src/net/limits.ts';
import { connectTcp, connectTls, exchangeBytes, readAll } from '../../fixtures/net/clients.ts';
import { startHttp, startHttps } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const SCHEMES = ['http', 'https'] as const;

interface Place {
  readonly net: TestNetwork;
  readonly host: string;
  readonly port: number;
  open(): Promise<Socket | TLSSocket>;
}

async function place(
  scheme: (typeof SCHEMES)[number],
  listener: http.RequestListener,
  waits: Partial<WaitingTimes> = {},
): Promise<Place> {
  const port =
    scheme === 'http' ? await startHttp(listener) : await startHttps('api.test', listener);
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host], waits });
  const open = () => (scheme === 'http' ? connectTcp : connectTls)(net, 'api.test', port);
  return { net, host, port, open };
}

async function expectNoStreams(net: TestNetwork): Promise<void> {
  await expect.poll(() => net.openStreams(), { timeout: 5_000 }).toBe(0);
}

it.each(SCHEMES)(
  'Network gives a guest that ends its half after a whole %s request its whole answer',
  async (scheme) => {
    const body = 'x'.repeat(2_000_000);
    const { net, host, open } = await place(scheme, (message, response) => {
      message.resume().once('end', () => setTimeout(() => response.end(body), 50));
    });
    for (const request of [
      `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`,
      `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\nhi`,
      `GET /1 HTTP/1.1\r\nHost: ${host}\r\n\r\nGET /2 HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    ]) {
      const socket = await open();
      const answer = readAll(socket);
      socket.end(request);
      const { text, error } = await answer;
      expect(text.match(/HTTP\/1\.1 200 OK\r\n/g)).toHaveLength(
        request.split('HTTP/1.').length - 1,
      );
      expect(text.endsWith(`\r\n\r\n${body}`)).toBe(true);
      expect(error).toBeNull();
    }
    await expectNoStreams(net);
  },
);

it.each([
  ['head', 'GET / HTTP/1.1\r\nHost: HO'],
  ['body with a length', 'POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 10\r\n\r\nhalf'],
  [
    'body in chunks',
    'POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
  ],
])(
  'Network answers 400 to a guest that ends in the middle of the %s, and asks no more',
  async (_name, bytes) => {
    let aborted = 0;
    const { net, host, open } = await place('http', (message, response) => {
      message.resume().once('error', () => {
        aborted += 1;
      });
      response.once('close', () => undefined);
    });
    const socket = await open();
    const answer = readAll(socket);
    socket.end(bytes.replace('HOST', host));
    const { text, error } = await answer;
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(error).toBeNull();
    await expectNoStreams(net);
    // A request that had begun to go out broke off at its server too.
    const sent = net.events.filter(({ kind }) => kind === 'request').length;
    await expect.poll(() => aborted).toBe(sent);
  },
);

it('Network resets a guest that ends in mid-request when its answer has begun', async () => {
  const { net, host, open } = await place('http', (message, response) => message.pipe(response));
  const socket = await open();
  socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhalf`);
  const [begun] = await once(socket, 'data');
  expect(String(begun)).toMatch(/^HTTP\/1\.1 200/);
  const rest = readAll(socket);
  socket.end();
  const { text, error } = await rest;
  expect(text).not.toMatch(/400/);
  expect(error).toBe('ECONNRESET');
  await expectNoStreams(net);
});

it.each(SCHEMES)('Network cancels every %s request of a guest that resets', async (scheme) => {
  let arrived = 0;
  let gone = 0;
  const { net, host, open } = await place(scheme, (message, response) => {
    arrived += 1;
    if (message.url === '/begun') response.write('begun');
    response.once('close', () => {
      gone += 1;
    });
  });
  const socket = await open();
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  // The second waits behind the first, whose turn it is.
  socket.write(get('/silent') + get('/begun'));
  await expect.poll(() => arrived).toBe(2);
  if (scheme === 'http') socket.resetAndDestroy();
  else socket.destroy();
  await expect.poll(() => gone).toBe(2);
  await expectNoStreams(net);
});

it('Network gives up a half-closed guest whose answer stays silent', async () => {
  let gone: () => void = () => undefined;
  const given = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const { net, host, open } = await place(
    'http',
    (_message, response) => {
      response.write('data: 1\n\n');
      response.once('close', gone);
    },
    { guestHalfClosedMs: 50 },
  );
  const socket = await open();
  const answer = readAll(socket);
  socket.end(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect((await answer).error).toBe('ECONNRESET');
  await given;
  await expectNoStreams(net);
});

/** The type of the last TLS record that came before the end: 21 is an alert, which an end in order is. */
async function lastRecord(
  { net, port }: Place,
  bytes: string,
): Promise<{ type: number; text: string; error: string | null }> {
  const raw = await connectTcp(net, 'api.test', port);
  const received: Buffer[] = [];
  raw.on('data', (chunk: Buffer) => received.push(chunk));
  // TLS 1.3 hides the types of its records.
  const options = { ca: net.guestRoot, servername: 'api.test', maxVersion: 'TLSv1.2' } as const;
  // Over a plain stream Node's TLS lets others see the bytes.
  const socket = tls.connect({ socket: new TlsTransport(raw), ...options });
  await once(socket, 'secureConnect');
  const ended = once(raw, 'end');
  const answer = readAll(socket);
  socket.write(bytes, 'latin1');
  const { text, error } = await answer;
  await ended;
  socket.end();
  const all = Buffer.concat(received);
  let type = 0;
  for (let at = 0; at < all.length; at += 5 + all.readUInt16BE(at + 3)) type = all[at] ?? 0;
  return { type, text, error };
}

it.each([
  ['Connection: close', 'GET /length HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', '200'],
  ['chunks', 'GET /chunks HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', '200'],
  ['HTTP/1.0', 'GET /length HTTP/1.0\r\nHost: HOST\r\n\r\n', '200'],
  [
    'HTTP/1.0 kept alive without a length',
    'GET /chunks HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n',
    '200',
  ],
  ['421', 'GET / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n', '421'],
  ['400', 'nonsense\r\n\r\n', '400'],
  ['431', `GET / HTTP/1.1\r\nHost: HOST\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, '431'],
])('Network ends TLS with a closure alert after %s', async (_name, bytes, status) => {
  const at = await place('https', (message, response) => {
    if (message.url === '/length') response.setHeader('content-length', 3);
    response.write('yes');
    response.end();
  });
  const { type, text, error } = await lastRecord(at, bytes.replace('HOST', at.host));
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect({ type, error }).toEqual({ type: 21, error: null });
  await expectNoStreams(at.net);
});

it('Network ends TLS with a closure alert after it refused a host', async () => {
  const net = await createTestNetwork({});
  const at: Place = { net, host: 'api.test', port: 443, open: () => Promise.reject(new Error()) };
  const get = 'GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n';
  const { type, text, error } = await lastRecord(at, get);
  expect(text).toMatch(/^HTTP\/1\.1 403 /);
  expect({ type, error }).toEqual({ type: 21, error: null });
});

it('Network keeps an HTTP/1.0 connection that asks for it while answers have a length', async () => {
  const { host, open } = await place('https', (message, response) => {
    if (message.url === '/chunks') response.write('chunks');
    response.end(message.url === '/chunks' ? '' : message.url);
  });
  const socket = await open();
  const get = (path: string) =>
    `GET ${path} HTTP/1.0\r\nHost: ${host}\r\nConnection: Keep-Alive\r\n\r\n`;
  for (const path of ['/1', '/2', '/3']) {
    socket.write(get(path));
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(String(bytes)).toMatch(new RegExp(`Connection: keep-alive\r\n[^]*${path}$`));
  }
  const rest = readAll(socket);
  socket.write(get('/chunks'));
  expect(await rest).toMatchObject({
    error: null,
    text: expect.stringMatching(/Connection: close\r\n\r\nchunks$/),
  });
});

it('Network asks no server for what a guest sends behind the last answer', async () => {
  const asked: unknown[] = [];
  const { net, host, port } = await place('http', (message, response) => {
    asked.push(message.url);
    response.end('ok');
  });
  const expecting = `PUT /1 HTTP/1.1\r\nHost: other.test\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n`;
  const next = `GET /2 HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const { text } = await exchangeBytes(net, 'api.test', port, expecting + next);
  expect(text).toMatch(/^HTTP\/1\.1 421 /);
  expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  expect(asked).toEqual([]);
});
