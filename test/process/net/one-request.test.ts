import { once } from 'node:events';
import tls from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import { connectHttp2, connectTcp, exchangeBytes } from '../../fixtures/net/clients.ts';
import { listening, startHttp, startTcp } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa, serverCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

it.each([
  ['http://HOST/a/b?c=1', '/a/b?c=1'],
  ['http://HOST', '/'],
  ['HTTP://HOST?c=1', '/?c=1'],
])('Network judges, shows, sends and reports %s as the same request', async (target, path) => {
  const arrived: (string | undefined)[] = [];
  const port = await startHttp((message, response) => {
    arrived.push(message.url);
    response.end('ok');
  });
  const host = `api.test:${port}`;
  const shown: string[] = [];
  const hooks = { onRequest: (request: Request) => void shown.push(request.url) };
  const rules = [
    { host: 'api.test', paths: ['/denied'], action: 'deny' as const, reason: 'nobody may' },
  ];
  const net = await createTestNetwork({ allow: [host], hooks, policy: { rules } });
  const ask = (as: string) =>
    exchangeBytes(
      net,
      'api.test',
      port,
      `GET ${as.replace('HOST', host)} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
  expect((await ask(target)).text).toMatch(/^HTTP\/1\.1 200 /);
  const url = `http://${host}${path}`;
  expect(arrived).toEqual([path]);
  expect(shown).toEqual([url]);
  expect((await net.event('request')).url).toBe(url);
  expect((await net.event('response')).url).toBe(url);
  const denied = (await ask('http://HOST/denied')).text;
  expect(denied).toMatch(/^HTTP\/1\.1 403 /);
  expect(denied).toContain('blocked this request: nobody may\n');
  expect((await net.event('blocked')).url).toBe(`http://${host}/denied`);
});

it.each(['gzip, chunked', 'chunked, gzip', 'gzip', 'chunked, chunked', 'identity'])(
  'Network refuses a response in the transfer coding %s',
  async (coding) => {
    const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
    const port = await startTcp((socket) => {
      socket.once('data', () => socket.end(`${head}2\r\nok\r\n0\r\n\r\n`));
    });
    const host = `api.test:${port}`;
    const net = await createTestNetwork({ allow: [host] });
    const get = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const { text } = await exchangeBytes(net, 'api.test', port, get);
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
    expect(text).toContain('NET_UPSTREAM_INVALID');
  },
);

it('Network stays with HTTP/1.1 where a server once took it and would take HTTP/2 later', async () => {
  let connections = 0;
  const server = tls.createServer({
    ...serverCa.issue('api.test'),
    ALPNCallback: ({ protocols }) => {
      connections += 1;
      return connections > 1 && protocols.includes('h2') ? 'h2' : 'http/1.1';
    },
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const port = await listening(server);
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  for (let count = 0; count < 3; count += 1) {
    const stream = session.request({ ':path': '/' });
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(200);
    await once(stream.resume(), 'close');
  }
  expect(connections).toBe(3);
});

it.each(['onRequest', 'onResponse'] as const)(
  "Network cancels the stream of %s's Response when the guest leaves",
  async (hook) => {
    let cancelled: () => void = () => undefined;
    const isCancelled = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const endless = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(Buffer.from('first')),
          cancel: cancelled,
        }),
      );
    const port = await startHttp((_message, response) => response.end('ok'));
    const host = `api.test:${port}`;
    const net = await createTestNetwork({ allow: [host], hooks: { [hook]: endless } });
    const socket = await connectTcp(net, 'api.test', port);
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await once(socket, 'data');
    socket.resetAndDestroy();
    await isCancelled;
    expect(net.faults).toEqual([]);
  },
);
