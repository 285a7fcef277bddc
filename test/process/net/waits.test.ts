import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import type { WaitingTimes } from '../../../src/net/limits.ts';
import { connectHttp2, connectTcp, connectTls, readAll } from '../../fixtures/net/clients.ts';
import { startHttp, startHttp2, startHttps } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const SCHEMES = ['http', 'https'] as const;

async function guestOf(
  scheme: (typeof SCHEMES)[number],
  waits: Partial<WaitingTimes>,
): Promise<{ net: TestNetwork; host: string; socket: Socket }> {
  const start =
    scheme === 'http'
      ? startHttp
      : (listener: Parameters<typeof startHttp>[0]) => startHttps('api.test', listener);
  const port = await start((message, response) => message.pipe(response));
  const net = await createTestNetwork({ allow: [`api.test:${port}`], waits });
  const connect = scheme === 'http' ? connectTcp : connectTls;
  return { net, host: `api.test:${port}`, socket: await connect(net, 'api.test', port) };
}

it.each(SCHEMES)(
  'Network answers 408 when the head of a %s request does not come to its end',
  async (scheme) => {
    const { net, socket } = await guestOf(scheme, { guestHeadMs: 40 });
    const answer = readAll(socket);
    socket.write('GET / HTTP/1.1\r\nHost: ');
    const { text, error } = await answer;
    expect(text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
    expect(error).toBeNull();
    socket.end();
    await expect.poll(() => net.openStreams()).toBe(0);
  },
);

it('Network answers 408 to a later head of a connection too, and asks no server when the rest comes after all', async () => {
  const { net, host, socket } = await guestOf('http', { guestHeadMs: 40 });
  const head = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  socket.write(head);
  await once(socket, 'data');
  const answer = readAll(socket);
  socket.write(head.slice(0, -2));
  const { text } = await answer;
  expect(text).toMatch(/^HTTP\/1\.1 408 /);
  socket.end('\r\n');
  await net.event('connection_end');
  expect(net.events.filter(({ kind }) => kind === 'request')).toHaveLength(1);
});

it('Network gives a slow body more time than a head', async () => {
  const { host, socket } = await guestOf('http', { guestHeadMs: 400, guestIdleMs: 20 });
  socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\na`);
  await once(socket, 'data');
  await new Promise((resolve) => setTimeout(resolve, 600));
  const rest = once(socket, 'data');
  socket.write('b');
  expect(String((await rest)[0])).toMatch(/^1\r\nb\r\n/);
});

it.each(SCHEMES)('Network ends an idle %s connection in order', async (scheme) => {
  const { net, host, socket } = await guestOf(scheme, { guestIdleMs: 50 });
  const answer = readAll(socket);
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const { text, error } = await answer;
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(error).toBeNull();
  socket.end();
  await expect.poll(() => net.openStreams()).toBe(0);
});

it.each(SCHEMES)(
  'Network resets a %s guest that keeps its half open after the end',
  async (scheme) => {
    const { net, host, socket } = await guestOf(scheme, { guestLingerMs: 300 });
    const answer = readAll(socket);
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const { text, error } = await answer;
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(error).toBeNull();
    await expect.poll(() => net.openStreams()).toBe(0);
  },
);

it('Network ends an HTTP/2 connection that asks for nothing, whatever pings it sends', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.respond({ ':status': 200 });
    stream.end();
  });
  const allow = [`api.test:${port}`];
  const never = await createTestNetwork({ allow, waits: { guestHeadMs: 60 } });
  const pinging = await connectHttp2(never, 'api.test', port);
  const timer = setInterval(() => pinging.destroyed || pinging.ping(() => undefined), 10);
  await once(pinging, 'goaway');
  clearInterval(timer);
  await expect.poll(() => never.openStreams()).toBe(0);

  const idle = await createTestNetwork({ allow, waits: { guestHeadMs: 5_000, guestIdleMs: 60 } });
  const session = await connectHttp2(idle, 'api.test', port);
  const ended = once(session, 'goaway');
  const stream = session.request({ ':path': '/' });
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBe(200);
  stream.resume();
  await ended;
  await expect.poll(() => idle.openStreams()).toBe(0);
});

it('Network keeps an HTTP/2 connection while an answer is on its way', async () => {
  const port = await startHttp2('api.test', (stream) => {
    setTimeout(() => {
      stream.respond({ ':status': 200 });
      stream.end('late');
    }, 150);
  });
  const waits = { guestHeadMs: 1_000, guestIdleMs: 30 };
  const net = await createTestNetwork({ allow: [`api.test:${port}`], waits });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  expect(String((await once(stream, 'data'))[0])).toBe('late');
});

it('Network takes a request on a kept connection within the idle time', async () => {
  const { host, socket } = await guestOf('http', { guestHeadMs: 400, guestIdleMs: 5_000 });
  const send = () => {
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return once(socket, 'data');
  };
  await send();
  // An idle connection has no head that could be late.
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(String((await send())[0])).toMatch(/^HTTP\/1\.1 200 /);
});
