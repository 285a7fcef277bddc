import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { IngressOptions } from '../../../src/ingress/ingress-options.ts';
import { startGateway } from '../../fixtures/ingress/gateway.ts';
import { listening, startHttp, startTcp } from '../../fixtures/net/servers.ts';

const run = promisify(execFile);

async function startEcho(options: IngressOptions = {}) {
  const server = http.createServer((_request, response) => response.end('plain'));
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'chat' });
  sockets.on('connection', (socket, message) => {
    socket.send(message.url ?? '');
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  onTestFinished(() => sockets.close());
  return startGateway(`/ws :${await listening(server)}\n`, options);
}

function dial({ port }: { port: number }, path = '/ws/room?a=1'): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'chat');
  onTestFinished(() => client.terminate());
  return client;
}

it('the gateway carries a WebSocket with large messages, pings and an orderly close', async () => {
  const client = dial(await startEcho());
  // Attached before the handshake ends: the greeting may follow its bytes.
  const greeting = once(client, 'message');
  await once(client, 'open');
  expect(client.protocol).toBe('chat');
  expect(String((await greeting)[0])).toBe('/room?a=1');
  const large = Buffer.alloc(3 * 2 ** 20, 7);
  client.send(large);
  expect(Buffer.compare((await once(client, 'message'))[0] as Buffer, large)).toBe(0);
  const pong = once(client, 'pong');
  client.ping('x');
  expect(String((await pong)[0])).toBe('x');
  client.close(1000, 'done');
  expect((await once(client, 'close'))[0]).toBe(1000);
});

it('the gateway carries 50 WebSockets at once', async () => {
  const gateway = await startEcho();
  const clients = Array.from({ length: 50 }, (_, index) => dial(gateway, `/ws/${index}`));
  const greetings = await Promise.all(
    clients.map(async (client) => String((await once(client, 'message'))[0])),
  );
  expect(greetings).toEqual(clients.map((_, index) => `/${index}`));
});

it('hooks see a handshake, and may refuse it', async () => {
  const paths: string[] = [];
  const gateway = await startEcho({
    hooks: {
      isAllowed: ({ path, headers }) => {
        paths.push(`${path} ${headers['upgrade']}`);
        return path !== '/ws/no';
      },
      onRequest: () => ({ backendTarget: '/changed' }),
    },
  });
  const [greeting] = await once(dial(gateway), 'message');
  expect(String(greeting)).toBe('/changed');
  const [error] = await once(dial(gateway, '/ws/no'), 'error');
  expect(error).toMatchObject({ message: expect.stringContaining('403') });
  expect(paths).toEqual(['/ws/room?a=1 websocket', '/ws/no websocket']);
});

it('allowWebSockets: false refuses handshakes and nothing else', async () => {
  const gateway = await startEcho({ allowWebSockets: false });
  const [error] = await once(dial(gateway), 'error');
  expect(error).toMatchObject({ message: expect.stringContaining('403') });
  expect(await (await fetch(`${gateway.url}/ws`)).text()).toBe('plain');
});

it('the gateway passes on the response of a server that refuses a handshake', async () => {
  const server = await startHttp((_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic' }).end('who?');
  });
  const gateway = await startGateway(`/ :${server}\n`);
  const client = dial(gateway);
  client.on('error', () => undefined);
  const [, response] = await once(client, 'unexpected-response');
  expect((response as http.IncomingMessage).statusCode).toBe(401);
});

it('a handshake that the server answers with another protocol is a 502', async () => {
  const server = await startTcp((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    });
  });
  const [error] = await once(dial(await startGateway(`/ :${server}\n`)), 'error');
  expect(error).toMatchObject({ message: expect.stringContaining('502') });
});

it('the gateway serves a request that offers HTTP/2 as plain HTTP/1.1', async () => {
  const gateway = await startEcho();
  const { stdout } = await run('curl', ['-sS', '-i', '--http2', `${gateway.url}/ws/x`]);
  expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nplain$/);
});

it('IngressGateway.close() ends open WebSockets', async () => {
  const gateway = await startEcho();
  const client = dial(gateway);
  await once(client, 'message');
  const closed = once(client, 'close');
  client.on('error', () => undefined);
  await gateway.close();
  expect((await closed)[0]).toBe(1006);
});
