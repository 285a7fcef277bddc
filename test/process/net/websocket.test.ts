import { once } from 'node:events';
import { createServer } from 'node:https';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { SecretValue } from '../../../src/net/secret/secret-value.ts';
import { connectTcp, connectTls, exchangeBytes, readAll } from '../../fixtures/net/clients.ts';
import { listening, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  serverCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

async function startEcho(
  onRequest: (authorization: string | undefined) => string = () => '',
): Promise<number> {
  const server = createServer(serverCa.issue('ws.test'));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, message) => {
    const greeting = onRequest(message.headers.authorization);
    if (greeting !== '') socket.send(greeting);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  onTestFinished(() => sockets.close());
  return listening(server);
}

async function open(
  net: TestNetwork,
  port: number,
  headers: Record<string, string> = {},
): Promise<WebSocket> {
  const socket = await connectTls(net, 'ws.test', port);
  const client = new WebSocket(`wss://ws.test:${port}/chat`, {
    createConnection: () => socket,
    headers,
  });
  onTestFinished(() => client.terminate());
  return client;
}

it('Network carries a WebSocket with large messages, pings and an orderly close', async () => {
  const port = await startEcho();
  const net = await createTestNetwork({ allow: [`ws.test:${port}`] });
  const client = await open(net, port);
  await once(client, 'open');
  const large = Buffer.alloc(3 * 1024 * 1024, 7);
  client.send(large);
  expect(Buffer.compare((await once(client, 'message'))[0] as Buffer, large)).toBe(0);
  const pong = once(client, 'pong');
  client.ping('x');
  expect(String((await pong)[0])).toBe('x');
  client.close(1000, 'done');
  expect((await once(client, 'close'))[0]).toBe(1000);
  const end = await net.event('response', ({ statusCode }) => statusCode === 101);
  expect(end.error).toBeNull();
  expect(end.requestBytes).toBeGreaterThan(large.length);
});

it('Network passes an answer other than 101 on', async () => {
  const port = await startTcp((socket) => {
    socket.once('data', () =>
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'),
    );
  });
  const net = await createTestNetwork({ allow: [`ws.test:${port}`] });
  const socket = await connectTcp(net, 'ws.test', port);
  const client = new WebSocket(`ws://ws.test:${port}/`, { createConnection: () => socket });
  const [, message] = await once(client, 'unexpected-response');
  expect(message.statusCode).toBe(401);
});

it('Network refuses a WebSocket to another host, and no byte sent before 101 reaches a server', async () => {
  let received = '';
  const port = await startTcp((socket) => {
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.on('end', () => socket.end());
  });
  const net = await createTestNetwork({ allow: [`ws.test:${port}`] });
  const upgrade = (host: string) =>
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nEARLY`;
  const { text } = await exchangeBytes(net, 'ws.test', port, upgrade('evil.test'));
  expect(text).toMatch(/^HTTP\/1\.1 421 /);
  expect(received).toBe('');
  const socket = await connectTcp(net, 'ws.test', port);
  const answer = readAll(socket);
  socket.write(upgrade(`ws.test:${port}`));
  await expect.poll(() => received, { timeout: 10_000 }).toMatch(/websocket/);
  socket.resetAndDestroy();
  await answer;
  await net.event('response');
  expect(received).not.toMatch(/EARLY/);
});

it('Network ends a WebSocket that carries a placeholder, and scrubs what the server echoes', async () => {
  const port = await startEcho((authorization) => `you said ${authorization}`);
  const secrets = [
    { name: 'TOKEN', hosts: [`ws.test:${port}`], value: new SecretValue('real-value-1234567') },
  ];
  const net = await createTestNetwork({ allow: [`ws.test:${port}`], secrets });
  const { env } = await net.network.guestTrust();
  const placeholder = env['TOKEN'] ?? '';
  const client = await open(net, port, { authorization: `Bearer ${placeholder}` });
  expect(String((await once(client, 'message'))[0])).toBe(`you said Bearer ${placeholder}`);
  client.on('error', () => undefined);
  client.send(`leak ${placeholder}`);
  await once(client, 'close');
  expect(await net.event('secret_leak')).toMatchObject({
    secret: 'TOKEN',
    place: 'websocket',
    host: 'ws.test',
  });
});
