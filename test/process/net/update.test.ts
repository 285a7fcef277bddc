import { once } from 'node:events';
import http, { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { SecretValue } from '../../../src/net/secret/secret-value.ts';
import {
  connectHttp2,
  connectTcp,
  connectTls,
  readAll,
  request,
} from '../../fixtures/net/clients.ts';
import {
  listening,
  startHttp,
  startHttp2,
  startHttps,
  startTcp,
} from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const OLD = 'sk-old-0123456789abcdef';
const NEW = 'sk-new-fedcba9876543210';

/** Asks on one connection, again and again. */
function keptClient(socket: Socket, host: string) {
  const { Agent } = socket instanceof TLSSocket ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  Object.assign(agent, { createConnection: () => socket });
  return (authorization = 'none') => request(socket, { agent, headers: { host, authorization } });
}

function closed(stream: Socket): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()));
}

it('Network judges a request on a kept connection by the policy that was put in force after the one before', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const socket = await connectTcp(net, 'api.test', port);
  const ask = keptClient(socket, host);
  expect((await ask()).status).toBe(200);
  await net.network.update({ allowedHosts: [] });
  const refused = await ask();
  expect([refused.status, refused.headers['x-gondolin-refused']]).toEqual([403, 'not_allowed']);
  await net.network.update({ allowedHosts: [host] });
  expect((await ask()).status).toBe(200);
});

it('Network serves a TLS connection that it refused once an update allows its host', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('ok'));
  const net = await createTestNetwork({ allow: [] });
  const socket = await connectTls(net, 'api.test', port);
  const ask = keptClient(socket, `api.test:${port}`);
  expect((await ask()).status).toBe(403);
  await net.network.update({ allowedHosts: [`api.test:${port}`] });
  expect((await ask()).status).toBe(200);
});

it('Network changes nothing by an update with one invalid field, and names it', async () => {
  const net = await createTestNetwork({ allow: ['a.test'] });
  const before = net.network.policy;
  const invalid = { allowedHosts: ['b.test'], deniedHosts: ['http://c.test'] };
  await expect(net.network.update(invalid)).rejects.toMatchObject({
    code: 'NET_PATTERN_INVALID',
    details: { field: 'denied_hosts' },
  });
  expect(net.network.policy).toEqual(before);
});

it('Network resets raw TCP to a host that is no longer allowed, and no other', async () => {
  const port = await startTcp((socket) => socket.pipe(socket));
  const entries = [`gone.test:${port}/tcp`, `kept.test:${port}/tcp`];
  const net = await createTestNetwork({ allow: entries });
  const [gone, kept] = [
    await connectTcp(net, 'gone.test', port),
    await connectTcp(net, 'kept.test', port),
  ];
  for (const socket of [gone, kept]) {
    socket.write('ping');
    expect(String((await once(socket, 'data'))[0])).toBe('ping');
  }
  const lost = closed(gone);
  await net.network.update({ allowedHosts: entries.slice(1) });
  await lost;
  expect(await net.event('blocked')).toMatchObject({ host: 'gone.test', reason: 'not_allowed' });
  expect(await net.event('connection_end')).toMatchObject({
    host: 'gone.test',
    error: expect.any(String),
  });
  kept.write('more');
  expect(String((await once(kept, 'data'))[0])).toBe('more');
});

it('Network resets raw TCP to an address that an update denies', async () => {
  const port = await startTcp((socket) => socket.pipe(socket));
  const net = await createTestNetwork({ allow: [`db.test:${port}/tcp`] });
  const socket = await connectTcp(net, 'db.test', port);
  socket.write('ping');
  await once(socket, 'data');
  const lost = closed(socket);
  await net.network.update({ deniedHosts: ['127.0.0.0/8'] });
  await lost;
  expect(await net.event('blocked')).toMatchObject({ host: 'db.test', reason: 'denied' });
});

it('Network ends a WebSocket to a host that is no longer allowed', async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  onTestFinished(() => sockets.close());
  const port = await listening(server);
  const net = await createTestNetwork({ allow: [`ws.test:${port}`] });
  const socket = await connectTcp(net, 'ws.test', port);
  const client = new WebSocket(`ws://ws.test:${port}/`, { createConnection: () => socket });
  client.on('error', () => undefined);
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  client.send('hello');
  await once(client, 'message');
  const lost = once(client, 'close');
  await net.network.update({ deniedHosts: ['ws.test'] });
  expect((await lost)[0]).toBe(1006);
  expect(await net.event('blocked')).toMatchObject({ host: 'ws.test', reason: 'denied' });
  expect(await net.event('response')).toMatchObject({ statusCode: 101, error: expect.any(String) });
});

it.each(['before', 'after'])(
  'Network breaks off a request to a host that is no longer allowed %s its response has begun',
  async (when) => {
    let serve: (response: ServerResponse) => void = () => undefined;
    const arrived = new Promise<ServerResponse>((resolve) => {
      serve = resolve;
    });
    const port = await startHttp((_message: IncomingMessage, response) => {
      if (when === 'after') response.write('first');
      serve(response);
    });
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const socket = await connectTcp(net, 'api.test', port);
    const answer = readAll(socket);
    socket.write(`GET / HTTP/1.1\r\nHost: api.test:${port}\r\nConnection: close\r\n\r\n`);
    const response = await arrived;
    if (when === 'after') await once(socket, 'data');
    const dropped = once(response, 'close');
    await net.network.update({ deniedHosts: ['api.test'] });
    await dropped;
    const { text } = await answer;
    if (when === 'before') expect(text).toMatch(/^HTTP\/1\.1 403 /);
    else expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*first/);
    expect(await net.event('blocked')).toMatchObject({ host: 'api.test', reason: 'denied' });
  },
);

it.each(['http/1.1', 'h2'])(
  'Network keeps the placeholder of a rotated secret, and takes old and new value out of %s responses',
  async (protocol) => {
    const seen: (string | undefined)[] = [];
    const note = (authorization: string | undefined): string => {
      seen.push(authorization);
      return `${OLD} ${NEW}`;
    };
    const port =
      protocol === 'h2'
        ? await startHttp2('api.test', (stream, headers) => {
            stream.respond({ ':status': 200 });
            stream.end(note(headers.authorization));
          })
        : await startHttps('api.test', (message, response) => {
            response.end(note(message.headers.authorization));
          });
    const host = `api.test:${port}`;
    const secrets = [{ name: 'TOKEN', hosts: [host], value: new SecretValue(OLD) }];
    const net = await createTestNetwork({ allow: [host], secrets });
    const { TOKEN: placeholder = '' } = net.network.placeholders;
    const ask = await (async () => {
      if (protocol === 'h2') {
        const session = await connectHttp2(net, 'api.test', port);
        return async () => {
          const stream = session.request({ ':path': '/', authorization: placeholder });
          stream.setEncoding('utf8');
          let body = '';
          stream.on('data', (text: string) => {
            body += text;
          });
          await once(stream, 'end');
          return body;
        };
      }
      const kept = keptClient(await connectTls(net, 'api.test', port), host);
      return async () => (await kept(placeholder)).body;
    })();
    expect(await ask()).toBe(`${placeholder} ${NEW}`);
    await net.network.update({ secrets: { TOKEN: { value: NEW } } });
    expect(net.network.placeholders).toEqual({ TOKEN: placeholder });
    expect(await ask()).toBe(`${placeholder} ${placeholder}`);
    expect(seen).toEqual([OLD, NEW]);
    expect(net.network.knownValues.map(({ value }) => value)).toEqual([NEW, OLD]);
  },
);

it('Network refuses the placeholder of a revoked secret with the reason, and serves that of a new one', async () => {
  const seen: (string | undefined)[] = [];
  const port = await startHttps('api.test', (message, response) => {
    seen.push(message.headers.authorization);
    response.end('ok');
  });
  const host = `api.test:${port}`;
  const secrets = [{ name: 'OLD', hosts: [host], value: new SecretValue(OLD) }];
  const net = await createTestNetwork({ allow: [host], secrets });
  const { OLD: revoked = '' } = net.network.placeholders;
  await net.network.update({ secrets: { OLD: null, NEW: { value: NEW, hosts: [host] } } });
  const { NEW: added = '', ...others } = net.network.placeholders;
  expect(others).toEqual({});
  const ask = async (authorization: string) =>
    request(await connectTls(net, 'api.test', port), { headers: { host, authorization } });
  const refused = await ask(revoked);
  expect(refused.status).toBe(403);
  expect(refused.body).toContain('secret OLD was revoked');
  expect(await net.event('secret_leak')).toMatchObject({ secret: 'OLD', reason: 'revoked' });
  expect((await ask(added)).status).toBe(200);
  expect(seen).toEqual([NEW]);
});
