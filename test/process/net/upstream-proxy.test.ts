import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { SecretValue } from '../../../src/net/secret/secret-value.ts';
import {
  connectHttp2,
  connectTcp,
  connectTls,
  readAll,
  request,
} from '../../fixtures/net/clients.ts';
import { freePort } from '../../fixtures/net/free-port.ts';
import {
  PROXY_CREDENTIALS,
  startMicrosocks,
  startScriptedProxy,
  startTinyproxy,
  startTlsBefore,
} from '../../fixtures/net/proxies.ts';
import {
  listening,
  startHttp,
  startHttp2,
  startHttps,
  startTcp,
} from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const credentials = new SecretValue(PROXY_CREDENTIALS);

describe.each(['tinyproxy', 'tinyproxy behind TLS', 'microsocks'])('through %s', (kind) => {
  const proxyUrl = async () => {
    if (kind === 'microsocks') return `socks5://127.0.0.1:${await startMicrosocks()}`;
    const { port } = await startTinyproxy();
    if (kind === 'tinyproxy') return `http://127.0.0.1:${port}`;
    return `https://localhost:${await startTlsBefore(port)}`;
  };

  it('Network carries HTTPS, HTTP/2, WebSocket and raw TCP', async () => {
    const url = await proxyUrl();
    const https = await startHttps('api.test', (_message, response) => response.end('by tls'));
    const h2 = await startHttp2('api.test', (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('by h2');
    });
    const http = await startHttp((message, response) => response.end(`plain ${message.url}`));
    const raw = await startTcp((socket) => {
      socket.write('220 ready\n');
      socket.pipe(socket);
    });
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    onTestFinished(() => sockets.close());
    const ws = await listening(server);
    const allow = [
      ...[https, h2, http, ws].map((port) => `api.test:${port}`),
      `api.test:${raw}/tcp`,
    ];
    const net = await createTestNetwork({ allow, upstreamProxy: { url, credentials } });

    const secure = await connectTls(net, 'api.test', https);
    const answer = await request(secure, { headers: { host: `api.test:${https}` } });
    expect([answer.status, answer.body]).toEqual([200, 'by tls']);
    const plain = await connectTcp(net, 'api.test', http);
    const response = await request(plain, {
      path: '/a?b=1',
      headers: { host: `api.test:${http}` },
    });
    expect(response.body).toBe('plain /a?b=1');
    const session = await connectHttp2(net, 'api.test', h2);
    const stream = session.request({ ':path': '/' });
    expect(String((await once(stream, 'data'))[0])).toBe('by h2');
    const spoken = await connectTcp(net, 'api.test', raw);
    expect(String((await once(spoken, 'data'))[0])).toBe('220 ready\n');
    spoken.write('ping');
    expect(String((await once(spoken, 'data'))[0])).toBe('ping');
    const chat = await connectTcp(net, 'api.test', ws);
    const client = new WebSocket(`ws://api.test:${ws}/`, { createConnection: () => chat });
    onTestFinished(() => client.terminate());
    await once(client, 'open');
    client.send('hello');
    expect(String((await once(client, 'message'))[0])).toBe('hello');

    // The address of the server, which was judged here, not that of the proxy.
    const { address } = await net.event('connection', (event) => event.transport === 'tcp');
    expect(address).toBe('127.0.0.1');
    expect(JSON.stringify(net.events)).not.toContain(PROXY_CREDENTIALS.split(':')[1]);
  });

  it('Network reports credentials that the proxy refuses as such, and never shows them', async () => {
    const url = await proxyUrl();
    const port = await startHttps('api.test', (_message, response) => response.end('ok'));
    const host = `api.test:${port}`;
    const upstreamProxy = { url, credentials: 'worker:wrong-9876543210' };
    const net = await createTestNetwork({ allow: [host], upstreamProxy });
    const answer = await request(await connectTls(net, 'api.test', port), { headers: { host } });
    expect(answer.status).toBe(502);
    expect(answer.headers['x-gondolin-refused']).toBe('NET_PROXY_FAILED');
    expect(answer.body).toContain('it refused the credentials');
    expect(answer.body).not.toContain('wrong-9876543210');
    expect(await net.event('response')).toMatchObject({
      statusCode: 502,
      error: expect.stringMatching(/upstream proxy (127\.0\.0\.1|localhost)/),
    });
  });

  it('Network reports a server that the proxy cannot reach', async () => {
    const url = await proxyUrl();
    const port = await freePort();
    const host = `api.test:${port}`;
    const net = await createTestNetwork({ allow: [host], upstreamProxy: { url, credentials } });
    const answer = await request(await connectTcp(net, 'api.test', port), { headers: { host } });
    expect([answer.status, answer.headers['x-gondolin-refused']]).toEqual([
      502,
      'NET_PROXY_FAILED',
    ]);
    expect(answer.body).toContain(`it refused a connection to 127.0.0.1:${port}`);
  });
});

it('Network gives the proxy the address that it judged, and refuses a private one itself', async () => {
  const { port: proxyPort, log } = await startTinyproxy();
  const port = await startHttps('api.test', (_message, response) => response.end('ok'));
  const net = await createTestNetwork({
    allow: [`api.test:${port}`, `inner.test:${port}`],
    resolve: async (name) => [name === 'inner.test' ? '10.1.2.3' : '127.0.0.1'],
    upstreamProxy: { url: `http://127.0.0.1:${proxyPort}`, credentials },
  });
  const ask = async (name: string) =>
    request(await connectTls(net, name, port), { headers: { host: `${name}:${port}` } });
  expect((await ask('api.test')).status).toBe(200);
  const refused = await ask('inner.test');
  expect([refused.status, refused.headers['x-gondolin-refused']]).toEqual([403, 'private_address']);
  const text = await readFile(log, 'utf8');
  expect(text).toContain(`CONNECT 127.0.0.1:${port}`);
  expect(text).not.toContain('10.1.2.3');
});

it('Network gives names to a proxy that resolves them, plain HTTP in absolute form', async () => {
  const heads: string[] = [];
  const secure = await startHttps('api.test', (_message, response) => response.end('by tls'));
  const proxyPort = await startScriptedProxy((head, socket, join) => {
    heads.push(head);
    if (head.startsWith('CONNECT ')) join(secure, 'HTTP/1.1 200 Connected\r\nVia: x\r\n\r\n');
    else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain');
  });
  const net = await createTestNetwork({
    allow: [`api.test:${secure}`, 'api.test'],
    resolve: () => Promise.reject(new Error('nothing is resolved here')),
    upstreamProxy: { url: `http://127.0.0.1:${proxyPort}/`, credentials, resolve: 'proxy' },
  });
  const host = `api.test:${secure}`;
  const answer = await request(await connectTls(net, 'api.test', secure), { headers: { host } });
  expect(answer.body).toBe('by tls');
  const plain = await connectTcp(net, 'api.test', 80);
  expect((await request(plain, { path: '/x?y', headers: { host: 'api.test' } })).body).toBe(
    'plain',
  );
  const authorization = `Basic ${Buffer.from(PROXY_CREDENTIALS).toString('base64')}`.toLowerCase();
  expect(heads.map((head) => head.split('\r\n')[0])).toEqual([
    `CONNECT ${host} HTTP/1.1`,
    'GET http://api.test/x?y HTTP/1.1',
  ]);
  for (const head of heads) {
    expect(head.toLowerCase()).toContain(`proxy-authorization: ${authorization}\r\n`);
  }
  expect(await net.event('response', ({ port }) => port === 80)).toMatchObject({ address: null });
});

it('Network judges an address that the guest dials although the proxy resolves names', async () => {
  const proxyPort = await startScriptedProxy((_head, socket) => socket.destroy());
  const net = await createTestNetwork({
    policy: { mode: 'open', allowedPrivate: [] },
    upstreamProxy: { url: `http://127.0.0.1:${proxyPort}`, resolve: 'proxy' },
  });
  const socket = await connectTcp(net, '10.1.2.3', 80);
  const answer = await request(socket, { headers: { host: '10.1.2.3' } });
  expect([answer.status, answer.headers['x-gondolin-refused']]).toEqual([403, 'private_address']);
});

it('Network dials hosts of no_proxy and of extra_hosts directly', async () => {
  const proxyPort = await startScriptedProxy((_head, socket) => socket.destroy());
  const port = await startHttp((message, response) => response.end(message.headers.host));
  const net = await createTestNetwork({
    allow: [`a.direct.test:${port}`, `block.test:${port}`, `proxied.test:${port}`],
    policy: { extraHosts: [{ name: 'own.test', address: '127.0.0.1', port }] },
    resolve: async (name) => [name === 'block.test' ? '127.0.0.1' : '127.0.0.2'],
    upstreamProxy: {
      url: `http://127.0.0.1:${proxyPort}`,
      noProxy: ['*.direct.test', '127.0.0.1/32'],
    },
  });
  const ask = async (name: string, at = port) => {
    const host = at === 80 ? name : `${name}:${at}`;
    return request(await connectTcp(net, name, at), { headers: { host } });
  };
  expect((await ask('block.test')).status).toBe(200);
  expect((await ask('own.test', 80)).status).toBe(200);
  const direct = await ask('proxied.test');
  expect(direct.headers['x-gondolin-refused']).toBe('NET_PROXY_FAILED');
});

it.each([
  ['no HTTP', 'SSH-2.0-x\r\n\r\n', 'no valid response to CONNECT'],
  [
    'endless headers',
    `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(4000)}`,
    'no valid response to CONNECT',
  ],
  ['403', 'HTTP/1.1 403 Forbidden\r\n\r\n', '(status 403)'],
  ['407', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'it wants credentials'],
  ['nothing', '', 'no valid response to CONNECT'],
])('Network reports a proxy that sends %s', async (_what, bytes, why) => {
  const proxyPort = await startScriptedProxy((_head, socket) => socket.end(bytes));
  const net = await createTestNetwork({
    allow: ['api.test:443', 'api.test:5432/tcp'],
    upstreamProxy: `http://127.0.0.1:${proxyPort}`,
  });
  const socket = await connectTls(net, 'api.test', 443);
  const answer = await request(socket, { headers: { host: 'api.test' } });
  expect(answer.status).toBe(502);
  expect(answer.body).toContain(`upstream proxy 127.0.0.1:${proxyPort}: `);
  expect(answer.body).toContain(why);
  const raw = await connectTcp(net, 'api.test', 5432);
  await readAll(raw);
  const end = await net.event('connection_end', ({ transport }) => transport === 'tcp');
  expect(end.error).toContain(why);
});

it('Network reports a proxy that cannot be reached', async () => {
  const upstreamProxy = `socks5://127.0.0.1:${await freePort()}`;
  const net = await createTestNetwork({ allow: ['api.test'], upstreamProxy });
  const socket = await connectTcp(net, 'api.test', 80);
  const answer = await request(socket, { headers: { host: 'api.test' } });
  expect([answer.status, answer.headers['x-gondolin-refused']]).toEqual([502, 'NET_PROXY_FAILED']);
  expect(answer.body).toContain('it cannot be reached');
});

it('a proxy whose certificate is for another name gets nothing, not even the credentials', async () => {
  let received = '';
  const inner = await startTcp((socket) => socket.on('data', (chunk) => (received += chunk)));
  const port = await startHttps('api.test', (_message, response) => response.end('ok'));
  const host = `api.test:${port}`;
  const url = `https://127.0.0.1:${await startTlsBefore(inner)}`;
  const net = await createTestNetwork({ allow: [host], upstreamProxy: { url, credentials } });
  const answer = await request(await connectTls(net, 'api.test', port), { headers: { host } });
  expect(answer.status).toBe(502);
  expect(answer.body).toContain('TLS with it failed: ERR_TLS_CERT_ALTNAME_INVALID');
  expect(received).toBe('');
});
