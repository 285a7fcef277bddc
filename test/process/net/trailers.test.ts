import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { Http1DedicatedCall } from '../../../src/net/http/upstream/http1-dedicated-call.ts';
import {
  connectHttp2,
  connectTcp,
  connectTls,
  exchangeBytes,
  readAll,
  readAnswer,
} from '../../fixtures/net/clients.ts';
import { secret } from '../../fixtures/net/secret-bench.ts';
import { startHttp, startHttp2, startHttps, startTcp } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const HEAD = 'POST / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n';

interface Seen {
  body: string;
  trailers: string[];
  headers: http.IncomingHttpHeaders;
  hasFailed: boolean;
}

/** A server that notes one request and answers when it is whole. */
function noting(): { seen: Seen; listener: http.RequestListener } {
  const seen: Seen = { body: '', trailers: [], headers: {}, hasFailed: false };
  const listener: http.RequestListener = (message, response) => {
    seen.headers = message.headers;
    message
      .on('data', (chunk: Buffer) => {
        seen.body += chunk;
      })
      .on('error', () => {
        seen.hasFailed = true;
      })
      .on('end', () => {
        seen.trailers = message.rawTrailers;
        response.writeHead(200, { trailer: 'x-sum' });
        response.write('noted');
        response.addTrailers({ 'x-sum': '5' });
        response.end();
      });
  };
  return { seen, listener };
}

it.each(['http', 'https'] as const)(
  'Network passes announced trailers of an HTTP/1.1 request on over %s, and those of its answer',
  async (scheme) => {
    const { seen, listener } = noting();
    const port = await (scheme === 'http' ? startHttp(listener) : startHttps('api.test', listener));
    const host = `api.test:${port}`;
    const net = await createTestNetwork({ allow: [host] });
    const connect = scheme === 'http' ? connectTcp : connectTls;
    const socket = await connect(net, 'api.test', port);
    const made = http.request({
      createConnection: () => socket,
      method: 'POST',
      headers: { host, trailer: 'X-Sum', te: 'trailers' },
    });
    made.write('one ');
    made.addTrailers({ 'X-Sum': '7' });
    made.end('two');
    const [message] = (await once(made, 'response')) as [http.IncomingMessage];
    expect(await readAnswer(message)).toMatchObject({ body: 'noted', trailers: { 'x-sum': '5' } });
    expect(seen).toMatchObject({ body: 'one two', trailers: ['X-Sum', '7'], hasFailed: false });
    expect(seen.headers).toMatchObject({ host, trailer: 'X-Sum', 'transfer-encoding': 'chunked' });
    await net.event('response', ({ statusCode, error }) => statusCode === 200 && error === null);
  },
);

it('Network passes announced trailers of an HTTP/2 guest on to an HTTP/1.1 server', async () => {
  const { seen, listener } = noting();
  const port = await startHttps('api.test', listener);
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const fields = { ':method': 'POST', ':path': '/', trailer: 'x-sum' };
  const stream = session.request(fields, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
  stream.end('all');
  expect(String((await once(stream, 'data'))[0])).toBe('noted');
  expect(seen).toMatchObject({ body: 'all', trailers: ['x-sum', '7'] });
});

it('Network drops trailers that would change the request that was judged', async () => {
  const { seen, listener } = noting();
  const port = await startHttp(listener);
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const trailers =
    'Host: evil.test\r\nAuthorization: x\r\nContent-Type: x\r\nCookie: a=1\r\nX-Sum: 7';
  const bytes = `${HEAD.replace('HOST', host)}Trailer: X-Sum\r\n\r\n3\r\nall\r\n0\r\n${trailers}\r\n\r\n`;
  expect((await exchangeBytes(net, 'api.test', port, bytes)).text).toMatch(/^HTTP\/1\.1 200 /);
  expect(seen).toMatchObject({ body: 'all', trailers: ['X-Sum', '7'] });
});

it.each([['http1'], ['http2']] as const)(
  'Network lets no placeholder out in a trailer to an %s server',
  async (version) => {
    const { seen, listener } = noting();
    let streamEnded = false;
    const port =
      version === 'http1'
        ? await startHttps('api.test', listener)
        : await startHttp2('api.test', (stream) => {
            stream.resume().on('end', () => {
              streamEnded = stream.rstCode === 0 && !stream.aborted;
            });
          });
    const host = `api.test:${port}`;
    const net = await createTestNetwork({
      allow: [host],
      secrets: [secret({ hosts: ['other.test'] })],
    });
    const placeholder = net.network.placeholders['TOKEN'] ?? '';
    expect(placeholder).not.toBe('');
    let status: unknown;
    if (version === 'http1') {
      const socket = await connectTls(net, 'api.test', port);
      const answer = readAll(socket);
      socket.write(
        `${HEAD.replace('HOST', host)}Trailer: X-Sum\r\n\r\n3\r\nall\r\n0\r\nX-Sum: ${placeholder}\r\n\r\n`,
      );
      status = /^HTTP\/1\.1 (\d+)/.exec((await answer).text)?.[1];
    } else {
      const session = await connectHttp2(net, 'api.test', port);
      const stream = session.request(
        { ':method': 'POST', ':path': '/' },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': placeholder }));
      stream.end('all');
      status = (await once(stream, 'response'))[0][':status'];
    }
    expect(Number(status)).toBe(403);
    expect(await net.event('secret_leak')).toMatchObject({ secret: 'TOKEN', place: 'trailer' });
    expect(seen.trailers).toEqual([]);
    expect(streamEnded).toBe(false);
  },
);

it.each([
  [
    'before the body is whole',
    'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig',
    413,
  ],
  ['with bytes that are no HTTP', 'SSH-2.0-x\r\n', 502],
  ['with a header over the limit', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`, 502],
  ['by leaving HTTP', 'HTTP/1.1 101 Odd\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', 502],
  ['with an end', '', 502],
])(
  'Network answers a request with trailers when its server answers %s',
  async (_name, bytes, status) => {
    const port = await startTcp((socket) => {
      socket.once('data', () => (bytes === '' ? socket.end() : socket.write(bytes, 'latin1')));
    });
    const host = `api.test:${port}`;
    const net = await createTestNetwork({ allow: [host] });
    const socket = await connectTcp(net, 'api.test', port);
    socket.write(`${HEAD.replace('HOST', host)}Trailer: X-Sum\r\n\r\n3\r\nall\r\n`);
    expect(String((await once(socket, 'data'))[0])).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  },
);

it('Network resets the guest when an answer to a request with trailers breaks off, and the server when the guest does', async () => {
  let gone: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const port = await startTcp((socket) => {
    socket.on('error', () => undefined).on('close', gone);
    socket.once('data', (head) => {
      if (String(head).includes('/break')) {
        socket.write('HTTP/1.1 200 OK\r\n\r\nhalf', () =>
          setTimeout(() => socket.resetAndDestroy(), 30),
        );
      }
    });
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const bytes = `${HEAD.replace('HOST', host)}Trailer: X-Sum\r\n\r\n3\r\nall\r\n`;
  const broken = await exchangeBytes(net, 'api.test', port, bytes.replace(' / ', ' /break '));
  expect(broken.text).toMatch(/half/);
  expect(broken.error).toBe('ECONNRESET');
  const socket = await connectTcp(net, 'api.test', port);
  socket.write(bytes);
  await net.event('request', ({ url }) => url.endsWith(`${port}/`));
  socket.resetAndDestroy();
  await left;
  await expect.poll(() => net.openStreams()).toBe(0);
});

it('Network gives a server up that does not answer a request with trailers, with 504', async () => {
  const port = await startTcp((socket) => socket.resume());
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host], waits: { responseStartMs: 60 } });
  const bytes = `${HEAD.replace('HOST', host)}Trailer: X-Sum\r\n\r\n0\r\nX-Sum: 1\r\n\r\n`;
  expect((await exchangeBytes(net, 'api.test', port, bytes)).text).toMatch(/^HTTP\/1\.1 504 /);
});

it('Network closes the connection of a request with trailers that Node does not write', async () => {
  let closed: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const port = await startTcp((socket) => {
    socket.resume().on('end', closed);
  });
  const errors: Error[] = [];
  const call = {
    ...{ method: 'POST', path: '/a b', authority: 'api.test', fields: ['trailer', 'x'] },
    ...{ body: Readable.from([Buffer.from('x')]), trailers: () => [], takesTrailers: false },
    expectsContinue: false,
    upgrade: null,
  };
  const unasked = () => {
    throw new Error('nothing is sent');
  };
  const handler = {
    ...{ onStart: unasked, onInformation: unasked, onHead: unasked, onData: unasked },
    ...{ onEnd: unasked, onUpgrade: unasked, onError: (error: Error) => errors.push(error) },
  };
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  await new Http1DedicatedCall(call, handler, 1_000).run(async () => socket);
  await gone;
  expect(errors).toMatchObject([{ code: 'ERR_UNESCAPED_CHARACTERS' }]);
});
