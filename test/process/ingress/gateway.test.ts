import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { startGateway } from '../../fixtures/ingress/gateway.ts';
import { freePort } from '../../fixtures/net/free-port.ts';
import { startNginx } from '../../fixtures/net/nginx.ts';
import { startHttp, startTcp } from '../../fixtures/net/servers.ts';
import { removeTestCa, serverCa } from '../../fixtures/net/test-network.ts';

const run = promisify(execFile);

afterAll(removeTestCa);

/** A server that responds with what it got, as JSON. */
function startMirror(): Promise<number> {
  return startHttp((request, response) => {
    void text(request).then((body) => {
      const { method, url, headers } = request;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
}

/** Sends bytes on a connection of their own, and returns all that comes back until the gateway closes it. */
async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(bytes);
  return text(socket);
}

const CLOSE = 'Host: a.test\r\nConnection: close\r\n';

it('the gateway sends a request to the server of its route, without the prefix', async () => {
  const [all, api] = await Promise.all([startMirror(), startMirror()]);
  const { url } = await startGateway(`/ :${all}\n/api :${api}\n/raw :${api} strip_prefix=false\n`);
  const get = async (path: string) => (await fetch(`${url}${path}`)).json();
  expect(await get('/x?q=1')).toMatchObject({ method: 'GET', url: '/x?q=1' });
  expect(await get('/api/users?q=a%20b')).toMatchObject({ url: '/users?q=a%20b' });
  expect(await get('/api')).toMatchObject({ url: '/' });
  expect(await get('/raw/users')).toMatchObject({ url: '/raw/users' });
});

it('the gateway adds who asked, keeps Host, and drops what is about the connection', async () => {
  const { url, port } = await startGateway(`/api :${await startMirror()}\n`);
  const response = await sendRaw(
    port,
    'GET /api/x HTTP/1.1\r\nHost: my.test:81\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n' +
      'Proxy-Connection: close\r\nTE: trailers, deflate\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n' +
      'Cookie: a=1\r\nCookie: b=2\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n',
  );
  expect(url).toContain('127.0.0.1');
  const { headers } = JSON.parse(
    response.slice(response.indexOf('{'), response.lastIndexOf('}') + 1),
  );
  expect(headers).toEqual({
    host: 'my.test:81',
    connection: 'close, TE',
    te: 'trailers',
    'x-forwarded-for': '192.0.2.9, 127.0.0.1',
    'x-forwarded-host': 'my.test:81',
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': '/api',
    cookie: 'a=1; b=2',
    'x-two': '1, 2',
  });
});

it('the gateway carries bodies with and without a length, and trailers both ways', async () => {
  const server = await startHttp((request, response) => {
    void text(request).then((body) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write(`${request.headers['content-length'] ?? 'chunked'} ${body} `);
      response.addTrailers({ 'x-sum': request.trailers['x-in'] ?? 'absent' });
      response.end();
    });
  });
  const { url, port } = await startGateway(`/ :${server}\n`);
  const sized = await fetch(url, { method: 'POST', body: 'four' });
  expect(await sized.text()).toBe('4 four ');
  const empty = await fetch(url, { method: 'POST' });
  expect(await empty.text()).toBe('0  ');
  const chunked = await sendRaw(
    port,
    `PUT / HTTP/1.1\r\n${CLOSE}Transfer-Encoding: chunked\r\nTrailer: X-In\r\n\r\n3\r\nabc\r\n0\r\nX-In: 7\r\n\r\n`,
  );
  expect(chunked).toContain('chunked abc ');
  expect(chunked).toMatch(/0\r\nx-sum: 7\r\n\r\n$/i);
});

it('the gateway answers HEAD, 204 and 304 without a body, and keeps their fields', async () => {
  const server = await startHttp((request, response) => {
    if (request.url === '/304') response.writeHead(304, { etag: '"1"', 'content-length': '9' });
    else if (request.url === '/204') response.writeHead(204);
    else response.writeHead(200, { 'content-length': '5' });
    response.end(request.url === '/' && request.method === 'GET' ? 'hello' : undefined);
  });
  const { url } = await startGateway(`/ :${server}\n`);
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
  expect((await fetch(`${url}/204`)).status).toBe(204);
  const cached = await fetch(`${url}/304`);
  expect([cached.status, cached.headers.get('etag')]).toEqual([304, '"1"']);
  expect(await (await fetch(url)).text()).toBe('hello');
});

it('the gateway passes on server-sent events one by one', async () => {
  let sendNext: () => void = () => undefined;
  const server = await startHttp((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    sendNext = () => response.write('data: 1\n\n');
  });
  const { url } = await startGateway(`/ :${server}\n`);
  const response = await fetch(url);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body?.getReader();
  for (let count = 0; count < 3; count++) {
    sendNext();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
  }
  await reader?.cancel();
});

it('the gateway ends the request to the server when the client goes away', async () => {
  const ended = new Promise<void>((resolve) => {
    void startHttp((_request, response) => {
      response.writeHead(200).flushHeaders();
      response.once('close', resolve);
    }).then(async (server) => {
      const { url } = await startGateway(`/ :${server}\n`);
      const stop = new AbortController();
      await fetch(url, { signal: stop.signal });
      stop.abort();
    });
  });
  await ended;
});

it('the gateway passes 100 Continue on, and the response of a server that refuses the body', async () => {
  let hasAsked = false;
  const server = http.createServer();
  server.on('checkContinue', (request: IncomingMessage, response: http.ServerResponse) => {
    hasAsked = true;
    if (request.url === '/no') {
      response.writeHead(417).end('no\n');
      return;
    }
    response.writeContinue();
    void text(request).then((body) => response.end(`got ${body.length}\n`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { url } = await startGateway(`/ :${(server.address() as { port: number }).port}\n`);
  const send = (path: string) =>
    run('curl', [
      '-sS',
      '-i',
      '-H',
      'Expect: 100-continue',
      '-d',
      'x'.repeat(5_000),
      `${url}${path}`,
    ]);
  const { stdout } = await send('/yes');
  expect(stdout).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*got 5000\n$/);
  expect(hasAsked).toBe(true);
  expect((await send('/no')).stdout).toMatch(/^HTTP\/1\.1 417 [\s\S]*no\n$/);
});

it('the gateway forwards a body to a server that never says 100 Continue', async () => {
  const server = await startTcp((socket) => {
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
      if (received.endsWith('body')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const { port } = await startGateway(`/ :${server}\n`);
  const response = await sendRaw(
    port,
    `POST / HTTP/1.1\r\n${CLOSE}Expect: 100-continue\r\nContent-Length: 4\r\n\r\nbody`,
  );
  expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
});

it('the gateway waits for a server that starts late', async () => {
  const port = await freePort();
  const { url } = await startGateway(`/ :${port}\n`);
  const waiting = [fetch(url), fetch(`${url}/2`), fetch(`${url}/3`)];
  const server = http.createServer((_request, response) => response.end('late'));
  onTestFinished(() => void server.close());
  server.listen(port, '127.0.0.1');
  const texts = await Promise.all(waiting.map(async (one) => (await one).text()));
  expect(texts).toEqual(['late', 'late', 'late']);
});

it('the gateway says 504 and names the port when no server starts in time', async () => {
  const port = await freePort();
  const { url, log } = await startGateway(`/ :${port}\n`, { serverStartTimeoutMs: 1 });
  const response = await fetch(url);
  expect(response.status).toBe(504);
  const body = await response.text();
  expect(body.split(':')[0]).toBe('INGRESS_SERVER_TIMEOUT');
  expect(body).toContain(`port ${port}`);
  expect(log).toHaveLength(1);
});

it('the gateway says 504 when the server does not respond in time', async () => {
  const server = await startTcp((socket) => socket.resume());
  const { url } = await startGateway(`/ :${server}\n`, { responseTimeoutMs: 1 });
  const response = await fetch(url);
  expect([response.status, (await response.text()).split(':')[0]]).toEqual([
    504,
    'INGRESS_SERVER_TIMEOUT',
  ]);
});

it.each([
  ['closes the connection', ''],
  ['sends no HTTP', 'SSH-2.0-x\r\n'],
  ['sends a status below 200 as its last', 'HTTP/1.1 099 x\r\n\r\n'],
  ['sends a status above 599', 'HTTP/1.1 999 x\r\n\r\n'],
  [
    'sends another transfer coding',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ],
  ['sends two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
  ['switches protocols unasked', 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
  ['sends a head of a megabyte', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(2 ** 20)}\r\n\r\n`],
  ['sends 1xx heads and closes', 'HTTP/1.1 103 x\r\nLink: <a>\r\n\r\n'.repeat(1_000)],
])('the gateway says 502 when the server %s', async (_what, bytes) => {
  const server = await startTcp((socket) => {
    socket.once('data', () => socket.end(bytes));
  });
  const { url } = await startGateway(`/ :${server}\n`);
  const response = await fetch(url);
  expect([response.status, (await response.text()).split(':')[0]]).toEqual([
    502,
    'INGRESS_SERVER_FAILED',
  ]);
});

it('the gateway cuts off a response that the server cuts off', async () => {
  const server = await startTcp((socket) => {
    socket.once('data', () => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort');
    });
  });
  const { url } = await startGateway(`/ :${server}\n`);
  const response = await fetch(url);
  await expect(response.text()).rejects.toThrow('terminated');
});

it('the gateway replaces a reason phrase that is not text', async () => {
  const server = await startTcp((socket) => {
    socket.once('data', () => {
      socket.end(Buffer.from('HTTP/1.1 200 \xff\xfe\r\nContent-Length: 2\r\n\r\nok', 'latin1'));
    });
  });
  const { port } = await startGateway(`/ :${server}\n`);
  const response = await sendRaw(port, `GET / HTTP/1.1\r\n${CLOSE}\r\n`);
  expect(response).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

it('the gateway says 404 without a route, and reads the file again for it', async () => {
  const server = await startMirror();
  const { url, file } = await startGateway(null);
  const response = await fetch(url);
  expect([response.status, (await response.text()).split(':')[0]]).toEqual([
    404,
    'INGRESS_NO_ROUTE',
  ]);
  file.text = `/ :${server}\n`;
  expect((await fetch(url)).status).toBe(200);
});

it('the gateway says 502 and names the line of a routes file with a mistake', async () => {
  const { url } = await startGateway('/ :1\n/api 80\n');
  const response = await fetch(url);
  expect(response.status).toBe(502);
  expect(await response.text()).toMatch(/^INGRESS_ROUTES_INVALID: \/etc\/gondolin\/listeners:2: /);
});

it('the gateway uses the routes of a write at once', async () => {
  const server = await startMirror();
  const { url, routes } = await startGateway('/ :1\n', { serverStartTimeoutMs: 1 });
  expect((await fetch(url)).status).toBe(504);
  void routes.write(`/ :${server}\n`);
  expect((await fetch(url)).status).toBe(200);
});

it('hooks, route and server see the same path: dot segments are resolved', async () => {
  const server = await startMirror();
  const seen: string[] = [];
  const isAllowed = ({ path }: { path: string }) => {
    seen.push(path);
    return !path.startsWith('/admin');
  };
  const { port } = await startGateway(`/ :${server}\n`, { hooks: { isAllowed } });
  const get = (target: string) => sendRaw(port, `GET ${target} HTTP/1.1\r\n${CLOSE}\r\n`);
  for (const target of ['/x/../admin', '/x/%2e%2e/admin', '/./admin', 'http://a.test/admin']) {
    expect(await get(target)).toMatch(/^HTTP\/1\.1 403 /);
  }
  expect(seen).toEqual(['/admin', '/admin', '/admin', '/admin']);
  expect(await get('//admin')).toMatch(/^HTTP\/1\.1 200 [\s\S]*"url":"\/\/admin"/);
});

it.each([
  [`OPTIONS * HTTP/1.1\r\n${CLOSE}`, 'a target that is not a path'],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n', 'two hosts'],
  [
    `POST / HTTP/1.1\r\n${CLOSE.replace('close', 'upgrade')}Upgrade: h2c\r\nContent-Length: 1\r\n`,
    'an upgrade with a body',
  ],
])('the gateway says 400 to %j: %s', async (head) => {
  const { port } = await startGateway('/ :1\n');
  const [, body = ''] = (await sendRaw(port, `${head}\r\n`)).split('\r\n\r\n');
  expect(body.split(':')[0]).toBe('INGRESS_REQUEST_INVALID');
});

it.each([
  [
    'smuggles a second length',
    `POST / HTTP/1.1\r\n${CLOSE}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ],
  ['is no HTTP', 'hello\r\n\r\n'],
])('the gateway closes a connection whose request %s', async (_what, bytes) => {
  const { port } = await startGateway('/ :1\n');
  expect(await sendRaw(port, bytes)).toMatch(/^HTTP\/1\.1 400 /);
});

it('the gateway serves 200 requests at once', async () => {
  const { url } = await startGateway(`/ :${await startMirror()}\n`);
  const paths = Array.from({ length: 200 }, (_, index) => `/${index}`);
  const found = await Promise.all(
    paths.map(async (path) => ((await (await fetch(url + path)).json()) as { url: string }).url),
  );
  expect(found).toEqual(paths);
});

it('the gateway says 503 when 256 requests are open, and serves again when they end', async () => {
  const held: http.ServerResponse[] = [];
  let resolveAll: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    resolveAll = resolve;
  });
  const server = await startHttp((request, response) => {
    if (request.url === '/now') {
      response.end('now');
      return;
    }
    held.push(response);
    if (held.length === 256) resolveAll();
  });
  const { url } = await startGateway(`/ :${server}\n`);
  const open = Array.from({ length: 256 }, () => fetch(url));
  await all;
  const busy = await fetch(`${url}/now`);
  expect([busy.status, (await busy.text()).split(':')[0]]).toEqual([503, 'INGRESS_BUSY']);
  for (const response of held) response.end();
  await Promise.all(open.map(async (one) => (await one).text()));
  expect(await (await fetch(`${url}/now`)).text()).toBe('now');
});

it('IngressGateway.close() ends open requests', async () => {
  let gotRequest: () => void = () => undefined;
  const got = new Promise<void>((resolve) => {
    gotRequest = resolve;
  });
  const server = await startTcp((socket) => socket.on('data', gotRequest));
  const gateway = await startGateway(`/ :${server}\n`);
  const response = fetch(gateway.url);
  response.catch(() => undefined);
  await got;
  await Promise.all([gateway.close(), gateway.close()]);
  await expect(response).rejects.toThrow('fetch failed');
});

const NGINX = '/usr/sbin/nginx';

it.skipIf(!existsSync(NGINX))('the gateway carries what curl asks of nginx', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gondolin-nginx-'));
  const certificate = serverCa.issue('api.test');
  const locations = 'gzip_http_version 1.0; location = /moved { return 302 /text.txt; }';
  const nginx = await startNginx({ directory, certificate, locations });
  onTestFinished(async () => {
    await nginx.stop();
    await rm(directory, { recursive: true });
  });
  const big = Buffer.alloc(32 * 2 ** 20, 'gondolin');
  await writeFile(join(nginx.root, 'big.bin'), big);
  await writeFile(join(nginx.root, 'text.txt'), 'hello '.repeat(10_000));
  const { url } = await startGateway(`/files :${nginx.plainPort}\n`);
  const curl = async (path: string, ...args: string[]) => {
    const options = { maxBuffer: 64 * 2 ** 20, encoding: 'buffer' } as const;
    return (await run('curl', ['-sS', ...args, `${url}/files${path}`], options)).stdout;
  };
  expect((await curl('/big.bin')).equals(big)).toBe(true);
  expect(String(await curl('/text.txt', '--compressed'))).toBe('hello '.repeat(10_000));
  expect(String(await curl('/text.txt', '-r', '6-10'))).toBe('hello');
  expect(String(await curl('/text.txt', '-I'))).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(String(await curl('/moved', '-i'))).toMatch(
    /^HTTP\/1\.1 302 [\s\S]*location: http:\/\/127/i,
  );
  expect(String(await curl('/text.txt', '-X', 'POST', '-d', 'x', '-w', '%{http_code}'))).toMatch(
    /405$/,
  );
});
