import { once } from 'node:events';
import http from 'node:http';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import {
  connectTcp,
  connectTls,
  exchangeBytes,
  readAll,
  readAnswer,
  request,
} from '../../fixtures/net/clients.ts';
import { startHttp, startHttps, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

async function httpNetwork(
  listener: http.RequestListener,
): Promise<{ net: TestNetwork; port: number; host: string }> {
  const port = await startHttp(listener);
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  return { net, port, host: `api.test:${port}` };
}

/** A server that answers every connection with these bytes and then ends or resets it. */
async function scripted(
  answer: string,
  end: 'end' | 'reset',
): Promise<{ net: TestNetwork; port: number }> {
  const port = await startTcp((socket) => {
    socket.once('data', () => {
      socket.write(answer, 'latin1', () => {
        if (end === 'end') socket.end();
        // The bytes must be on their way before the reset overtakes them.
        else setTimeout(() => socket.resetAndDestroy(), 50);
      });
    });
  });
  return { net: await createTestNetwork({ allow: [`api.test:${port}`] }), port };
}

const REQUESTS = IS_FULL_LOAD ? 1_000 : 150;

it('Network keeps one guest connection and one server connection for many requests', async () => {
  const upstream = new Set<unknown>();
  const port = await startHttps('api.test', (message, response) => {
    upstream.add(message.socket);
    response.end(message.url);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTls(net, 'api.test', port);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  onTestFinished(() => agent.destroy());
  for (let count = 0; count < REQUESTS; count += 1) {
    const made = http.get({ agent, path: `/${count}`, headers: { host: `api.test:${port}` } });
    const [message] = (await once(made, 'response')) as [http.IncomingMessage];
    expect((await readAnswer(message)).body).toBe(`/${count}`);
  }
  expect(upstream.size).toBe(1);
  expect(net.openStreams()).toBe(1);
});

it('Network answers pipelined requests in their order', async () => {
  const { net, port, host } = await httpNetwork((message, response) => {
    setTimeout(() => response.end(message.url), message.url === '/slow' ? 50 : 0);
  });
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
  const { text } = await exchangeBytes(
    net,
    'api.test',
    port,
    get('/slow') + get('/b') + get('/c', 'Connection: close\r\n'),
  );
  expect(text.match(/\/(?:slow|b|c)(?=\r\n|HTTP|$)/g)).toEqual(['/slow', '/b', '/c']);
});

it('Network streams a chunked body up and a chunked body with trailers down', async () => {
  const { net, port, host } = await httpNetwork((message, response) => {
    response.writeHead(200, { trailer: 'x-sum' });
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      response.write(chunk);
    });
    message.on('end', () => {
      response.addTrailers({ 'x-sum': String(bytes) });
      response.end();
    });
  });
  const chunks = Array.from({ length: 64 }, (_, index) => Buffer.alloc(16_384, index));
  const answer = await request(await connectTcp(net, 'api.test', port), {
    method: 'POST',
    headers: { host },
    body: chunks,
  });
  expect(answer.body).toBe(Buffer.concat(chunks).toString());
  expect(answer.trailers).toEqual({ 'x-sum': String(64 * 16_384) });
});

it('Network passes HEAD, 204, 304 and empty bodies on without a body or a hang', async () => {
  const { net, port, host } = await httpNetwork((message, response) => {
    const status = Number(message.url?.slice(1));
    response.writeHead(status, status === 200 ? { 'content-length': '5' } : { etag: '"x"' });
    response.end(message.method === 'HEAD' || status !== 200 ? undefined : 'hello');
  });
  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['POST', 205],
  ] as const) {
    const socket = await connectTcp(net, 'api.test', port);
    const answer = await request(socket, { method, path: `/${status}`, headers: { host } });
    expect(answer).toMatchObject({ status, body: '' });
    if (method === 'HEAD') expect(answer.headers['content-length']).toBe('5');
  }
});

it('Network invites the body of Expect: 100-continue, and refuses a denied one without it', async () => {
  const { net, port, host } = await httpNetwork((message, response) => message.pipe(response));
  const send = async (hostField: string) => {
    const socket = await connectTcp(net, 'api.test', port);
    const made = http.request({
      createConnection: () => socket,
      method: 'PUT',
      headers: { host: hostField, expect: '100-continue', 'content-length': '5' },
    });
    made.flushHeaders();
    let hasContinued = false;
    made.on('continue', () => {
      hasContinued = true;
      made.end('hello');
    });
    const [message] = (await once(made, 'response')) as [http.IncomingMessage];
    return { hasContinued, ...(await readAnswer(message)) };
  };
  expect(await send(host)).toMatchObject({ hasContinued: true, status: 200, body: 'hello' });
  expect(await send('other.test')).toMatchObject({ hasContinued: false, status: 421 });
});

it('Network drops hop-by-hop fields both ways and passes the others on as they are', async () => {
  let seen: string[] = [];
  const { net, port, host } = await httpNetwork((message, response) => {
    seen = message.rawHeaders;
    response.writeHead(200, [
      'X-Two',
      'a',
      'X-Two',
      'b',
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'Alt-Svc',
      'h3=":443"',
      'X-Hop',
      '1',
      'Connection',
      'x-hop, keep-alive',
    ]);
    response.end();
  });
  const text = `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Kept: 1\r\nX-Kept: 2\r\nx-named: 1\r\nProxy-Authorization: x\r\nTE: trailers\r\nConnection: close, x-named\r\n\r\n`;
  const answer = (await exchangeBytes(net, 'api.test', port, text)).text;
  expect(seen.join('|')).toMatch(/X-Kept\|1\|X-Kept\|2/);
  expect(seen.join('|')).not.toMatch(/x-named|Proxy-Authorization|TE\|/i);
  expect(answer).toMatch(/X-Two: a\r\nX-Two: b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2/);
  expect(answer).not.toMatch(/X-Hop|Alt-Svc/i);
});

it('Network serves HTTP/1.0 without Host and closes after the answer', async () => {
  const { net, port } = await httpNetwork((message, response) => {
    response.write(String(message.headers.host));
    response.end();
  });
  const { text, error } = await exchangeBytes(net, 'api.test', port, 'GET / HTTP/1.0\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text.endsWith(`\r\n\r\napi.test:${port}`)).toBe(true);
  expect(error).toBeNull();
});

it('Network answers 431 when the header is over 64 KiB and takes one just below', async () => {
  const { net, port, host } = await httpNetwork((message, response) =>
    response.end(String(message.headers['x-large']?.length)),
  );
  const send = (bytes: number) =>
    exchangeBytes(
      net,
      'api.test',
      port,
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nX-Large: ${'a'.repeat(bytes)}\r\n\r\n`,
    );
  expect((await send(15_000)).text).toMatch(/200 OK.*15000$/s);
  expect((await send(70_000)).text).toMatch(/^HTTP\/1\.1 431 /);
});

const BROKEN = [
  {
    name: 'CL and TE',
    head: 'POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'two lengths',
    head: 'POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
  },
  {
    name: 'odd TE',
    head: 'POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'TE twice',
    head: 'POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
  },
  { name: 'folded field', head: 'GET / HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n c\r\n\r\n' },
  { name: 'bare LF', head: 'GET / HTTP/1.1\nHost: HOST\n\n' },
  { name: 'bare CR', head: 'GET / HTTP/1.1\r\nHost: HOST\r\nX-A: b\rX-B: c\r\n\r\n' },
  {
    name: 'blank before colon',
    head: 'GET / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding : chunked\r\n\r\n',
  },
  { name: 'NUL in a value', head: 'GET / HTTP/1.1\r\nHost: HOST\r\nX-A: b\0c\r\n\r\n' },
  { name: 'no Host', head: 'GET / HTTP/1.1\r\n\r\n' },
  { name: 'two Hosts', head: 'GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n' },
  {
    name: 'HTTP/1.0 with TE',
    head: 'POST / HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  { name: 'fragment', head: 'GET /a#b HTTP/1.1\r\nHost: HOST\r\n\r\n' },
  { name: 'asterisk', head: 'OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n' },
];

it.each(BROKEN)('Network answers 400 and asks no server for $name', async ({ head }) => {
  let asked = 0;
  const { net, port, host } = await httpNetwork((_message, response) => {
    asked += 1;
    response.end();
  });
  const socket = await connectTcp(net, 'api.test', port);
  const answer = readAll(socket);
  socket.write(head.replaceAll('HOST', host), 'latin1');
  await once(socket, 'data');
  socket.end();
  expect((await answer).text).toMatch(/^HTTP\/1\.1 400 /);
  expect(asked).toBe(0);
});

it.each([
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', 'end'],
  ['a length and a reset', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', 'reset'],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n', 'end'],
  [
    'chunks and a reset',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n',
    'reset',
  ],
  ['no length and a reset', 'HTTP/1.1 200 OK\r\n\r\n12345', 'reset'],
] as const)(
  'Network resets the guest when an answer with %s breaks off',
  async (_name, bytes, end) => {
    const { net, port } = await scripted(bytes, end);
    const get = `GET / HTTP/1.0\r\nHost: api.test:${port}\r\n\r\n`;
    const { text, error } = await exchangeBytes(net, 'api.test', port, get);
    expect(text.endsWith('12345')).toBe(true);
    expect(error).toBe('ECONNRESET');
    expect((await net.event('response')).error).not.toBeNull();
  },
);

it.each([
  ['closes at once', '', 'end', 502, 'NET_UPSTREAM_CLOSED'],
  ['speaks no HTTP', 'SSH-2.0-x\r\n', 'end', 502, 'NET_UPSTREAM_INVALID'],
  [
    'sends both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'end',
    502,
    'NET_UPSTREAM_INVALID',
  ],
  [
    'sends a header over the limit',
    `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`,
    'end',
    502,
    'NET_UPSTREAM_INVALID',
  ],
] as const)('Network answers 502 when the server %s', async (_name, bytes, end, status, code) => {
  const { net, port } = await scripted(bytes, end);
  const socket = await connectTcp(net, 'api.test', port);
  const answer = await request(socket, { method: 'POST', headers: { host: `api.test:${port}` } });
  expect(answer.status).toBe(status);
  expect(answer.headers['x-gondolin-refused']).toBe(code);
});

it('Network answers before the request is whole when the server does', async () => {
  const port = await startTcp((socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'),
    );
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTcp(net, 'api.test', port);
  const made = http.request({
    createConnection: () => socket,
    method: 'PUT',
    headers: { host: `api.test:${port}`, 'content-length': '1000000' },
  });
  made.on('error', () => undefined);
  made.write(Buffer.alloc(1000));
  const [message] = (await once(made, 'response')) as [http.IncomingMessage];
  expect(await readAnswer(message)).toMatchObject({ status: 413, body: 'big' });
});

it('Network passes an event stream on piece by piece', async () => {
  let stream: http.ServerResponse | null = null;
  const { net, port, host } = await httpNetwork((_message, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    stream = response;
  });
  const socket = await connectTcp(net, 'api.test', port);
  const made = http.get({ createConnection: () => socket, headers: { host } });
  const [message] = (await once(made, 'response')) as [http.IncomingMessage];
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    const piece = once(message, 'data');
    (stream as http.ServerResponse | null)?.write(text);
    expect(String((await piece)[0])).toBe(text);
  }
  // The guest hangs up, which looks as if it had ended its half: the server hears of it with its next piece.
  const gone = once(stream as unknown as http.ServerResponse, 'close');
  socket.destroy();
  (stream as http.ServerResponse | null)?.write('data: 3\n\n');
  await gone;
});

it('Network passes early hints on, and an answer whose hints Node would not write', async () => {
  const port = await startTcp((socket) => {
    socket.once('data', (bytes) => {
      const link = String(bytes).includes('/odd') ? 'nonsense' : '</a.css>; rel=preload; as=style';
      socket.end(
        `HTTP/1.1 103 Early Hints\r\nLink: ${link}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
      );
    });
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  for (const path of ['/', '/odd']) {
    const socket = await connectTcp(net, 'api.test', port);
    const made = http.get({ createConnection: () => socket, path, headers: { host } });
    const hints: unknown[] = [];
    made.on('information', ({ statusCode, headers }) => hints.push(statusCode, headers['link']));
    const [message] = (await once(made, 'response')) as [http.IncomingMessage];
    expect((await readAnswer(message)).body).toBe('ok');
    expect(hints).toEqual(path === '/' ? [103, '</a.css>; rel=preload; as=style'] : []);
  }
});
