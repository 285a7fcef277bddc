import { once } from 'node:events';
import { constants } from 'node:http2';
import { afterAll, expect, it } from 'vitest';
import { MAX_REQUESTS } from '../../../src/net/limits.ts';
import { connectHttp2, connectTcp, exchangeBytes } from '../../fixtures/net/clients.ts';
import { startHttp2, startTcp } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const GET = 'GET / HTTP/1.1\r\nHost: api.test\r\n';

it('Network counts a cancelled request until its server is no longer dialled', async () => {
  let refuse: () => void = () => undefined;
  const pending = new Promise<readonly string[]>((_resolve, reject) => {
    refuse = () => reject(new Error('no such name'));
  });
  pending.catch(() => undefined);
  const net = await createTestNetwork({ allow: ['api.test'], resolve: () => pending });
  const flood = await connectTcp(net, 'api.test', 80);
  // One before the last is refused at once, which tells that all have been read.
  const refused = 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n';
  const whole = `${GET}\r\n`;
  flood.write([whole.repeat(MAX_REQUESTS - 1), refused, whole].join(''));
  await net.event('blocked', ({ reason }) => reason === 'name_mismatch');
  flood.resetAndDestroy();
  await net.event('connection_end');
  // The place of the request that was refused is free again.
  (await connectTcp(net, 'api.test', 80)).write(whole);
  const one = () => exchangeBytes(net, 'api.test', 80, `${GET}Connection: close\r\n\r\n`);
  expect((await one()).text).toMatch(/^HTTP\/1\.1 503 /);
  refuse();
  await expect.poll(async () => (await one()).text).toMatch(/^HTTP\/1\.1 502 /);
  // And so are those of all that were cancelled.
  const last = `${whole.repeat(50)}${GET}Connection: close\r\n\r\n`;
  const { text } = await exchangeBytes(net, 'api.test', 80, last);
  expect(text.match(/^HTTP\/1\.1 \d+/gm)).toEqual(Array.from({ length: 51 }, () => 'HTTP/1.1 502'));
});

it('Network counts no request that a guest took back at once', async () => {
  const port = await startHttp2('api.test', (stream) => {
    if (stream.closed) return;
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  for (let rounds = 0; rounds < 4; rounds += 1) {
    const session = await connectHttp2(net, 'api.test', port);
    for (let count = 0; count < 700; count += 1) {
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => undefined).close(constants.NGHTTP2_CANCEL);
    }
    const last = session.request({ ':path': '/' });
    last.on('error', () => undefined);
    const [headers] = await once(last, 'response');
    expect(headers[':status']).toBe(200);
    session.destroy();
  }
});

const HINT = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
const DONE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

it('Network passes on some hints, and gives a server up that sends nothing else', async () => {
  const port = await startTcp((socket) => {
    socket.on('data', (bytes) => {
      const count = String(bytes).includes('/few') ? 10 : 1000;
      socket.write(HINT.repeat(count) + DONE);
    });
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const ask = (path: string) =>
    exchangeBytes(
      net,
      'api.test',
      port,
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
  const few = await ask('/few');
  expect(few.text.match(/103 Early/g)).toHaveLength(10);
  expect(few.text).toMatch(/ 200 OK/);
  const many = await ask('/many');
  expect(many.text.match(/103 Early/g)?.length).toBeLessThan(100);
  expect(many.text).toMatch(/ 502 Bad Gateway[\s\S]*NET_UPSTREAM_INVALID/);
});
