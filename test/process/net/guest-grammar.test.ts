import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import { connectTcp, connectTls, exchangeBytes, readAll } from '../../fixtures/net/clients.ts';
import { listening, startHttp, startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const get = (host: string, ...more: readonly string[]) =>
  `${['GET / HTTP/1.1', `Host: ${host}`, ...more].join('\r\n')}\r\n\r\n`;
const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
];
const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];

it.each([
  ['a WebSocket handshake', get('x', ...WEBSOCKET)],
  ['an upgrade to h2c', get('x', ...H2C)],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n'],
])(
  'Network answers a request and %s behind it in one packet, with nothing allowed',
  async (_name, second) => {
    const net = await createTestNetwork({});
    const { text, error } = await exchangeBytes(net, 'x', 80, get('x') + second);
    expect(text.match(/HTTP\/1\.1 (?:403|405) /g)).toHaveLength(2);
    expect(error).toBeNull();
    expect(net.faults).toEqual([]);
  },
);

it('Network carries the body of a request that offers h2c, and a large response to a slow guest', async () => {
  const port = await startHttp((message, response) => {
    message.on('data', (chunk: Buffer) => response.write(chunk));
    message.once('end', () => response.end('z'.repeat(3_000_000)));
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const socket = await connectTcp(net, 'api.test', port);
  socket.write(
    `POST / HTTP/1.1\r\n${H2C.join('\r\n')}\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\nhi`,
  );
  // The response fills every buffer on its way before the guest reads.
  await net.event('request');
  await once(socket, 'readable');
  const { text, error } = await readAll(socket);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n[\s\S]*hi/);
  expect(text.replaceAll(/[^z]/g, '')).toHaveLength(3_000_000);
  expect(error).toBeNull();
});

it.each([
  ['a WebSocket handshake', WEBSOCKET],
  ['an upgrade to h2c', H2C],
])('Network cancels %s of a guest that goes away', async (_name, fields) => {
  let gone: () => void = () => undefined;
  const cancelled = new Promise<void>((resolve) => {
    gone = resolve;
  });
  let arrive: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const onRequest = (message: IncomingMessage): void => {
    message.socket.resume().once('end', gone).once('close', gone);
    arrive();
  };
  const server = createServer(onRequest).on('upgrade', onRequest);
  const port = await listening(server);
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const socket = await connectTcp(net, 'api.test', port);
  socket.write(get(host, ...fields));
  await asked;
  socket.resetAndDestroy();
  await cancelled;
  await expect.poll(() => net.openStreams()).toBe(0);
});

/** What a guest may write in any order on one connection. `HOST` is the allowed one. */
const REQUESTS = [
  get('HOST'),
  get('denied.test'),
  get('HOST', ...WEBSOCKET),
  `${get('HOST', ...WEBSOCKET, 'Content-Length: 2')}hi`,
  get('denied.test', ...WEBSOCKET),
  get('HOST', ...H2C),
  get('HOST', 'Connection: close'),
  get('HOST', 'Expect: 100-continue', 'Content-Length: 3'),
  'CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'CONNECT HOST HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\n\r\nbody',
  'POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\n\r\nbody',
  'POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\nab\r\n0\r\nx: y\r\n\r\n',
  `POST / HTTP/1.1\r\n${H2C.join('\r\n')}\r\nHost: HOST\r\nContent-Length: 4\r\n\r\nbody`,
  'GET /large HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'nonsense\r\n\r\n',
  '\x81\x85\0\0\0\0hello',
  '',
] as const;

interface Script {
  readonly requests: readonly string[];
  readonly isOnePacket: boolean;
  readonly isTls: boolean;
  readonly isRead: boolean;
  readonly end: 'end' | 'reset' | 'destroy';
}

const script: fc.Arbitrary<Script> = fc.record({
  requests: fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 60 }),
  isOnePacket: fc.boolean(),
  isTls: fc.boolean(),
  isRead: fc.boolean(),
  end: fc.constantFrom('end', 'reset', 'destroy'),
});

/** Resolves once the guest's side of the connection is over. */
async function play(socket: Socket, host: string, how: Script): Promise<void> {
  if (how.isRead) socket.resume();
  const packets = how.requests.map((text) => text.replaceAll('HOST', host));
  for (const packet of how.isOnePacket ? [packets.join('')] : packets) {
    socket.write(packet, 'latin1');
    if (!how.isOnePacket) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (socket.destroyed) return;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (how.end === 'end') socket.end();
  else if (how.end === 'destroy' || how.isTls) socket.destroy();
  else socket.resetAndDestroy();
  socket.resume();
  await closed;
}

it('Network survives upgrades, CONNECT and pipelines in any order, and frees every connection', async () => {
  const listener: Parameters<typeof startHttp>[0] = (message, response) => {
    message.resume();
    if (message.url === '/large') response.end('x'.repeat(300_000));
    else setImmediate(() => response.end('ok'));
  };
  const plain = await startHttp(listener);
  const secure = await startHttps('api.test', listener);
  const net = await createTestNetwork({ allow: [`api.test:${plain}`, `api.test:${secure}`] });
  await fc.assert(
    fc.asyncProperty(script, async (how) => {
      const port = how.isTls ? secure : plain;
      const socket = await (how.isTls ? connectTls : connectTcp)(net, 'api.test', port);
      await play(socket, `api.test:${port}`, how);
    }),
    { numRuns: IS_FULL_LOAD ? 200 : 80 },
  );
  await expect.poll(() => net.openStreams(), { timeout: 15_000 }).toBe(0);
  expect(net.faults).toEqual([]);
});
