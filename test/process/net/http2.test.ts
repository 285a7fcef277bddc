import { once } from 'node:events';
import http2, { type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { connectHttp2, connectTcp, connectTls, readAll } from '../../fixtures/net/clients.ts';
import { startH2c, startHttp2, startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';
import { http2 as http2Bytes, pseudo } from '../../vm/attacks/guest-lines.ts';

afterAll(removeTestCa);

interface H2Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

async function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  if (!stream.readableEnded) await once(stream, 'end');
  return { headers, body: Buffer.concat(chunks), trailers };
}

it('Network carries trailers both ways, as gRPC needs', async () => {
  const port = await startHttp2('grpc.test', (stream, headers) => {
    expect(headers['te']).toBe('trailers');
    let seen: IncomingHttpHeaders = {};
    stream.on('trailers', (fields: IncomingHttpHeaders) => {
      seen = fields;
    });
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    stream.on('end', () => stream.end());
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0', 'x-seen': String(seen['x-request-sum']) });
    });
  });
  const net = await createTestNetwork({ allow: [`grpc.test:${port}`] });
  const session = await connectHttp2(net, 'grpc.test', port);
  const stream = session.request(
    { ':method': 'POST', ':path': '/pkg.Service/Call', te: 'trailers' },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-request-sum': '7' }));
  stream.write('one');
  stream.end('two');
  const answer = await answerOf(stream);
  expect(answer.body.toString()).toBe('onetwo');
  expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'x-seen': '7' });
});

it('Network lets both sides of one stream talk in turns', async () => {
  const port = await startHttp2('grpc.test', (stream) => {
    stream.respond({ ':status': 200 });
    stream.on('data', (chunk: Buffer) => stream.write(`echo ${chunk}`));
    stream.on('end', () => stream.end());
  });
  const net = await createTestNetwork({ allow: [`grpc.test:${port}`] });
  const session = await connectHttp2(net, 'grpc.test', port);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  // The head comes before any byte of the body was sent.
  await once(stream, 'response');
  for (const word of ['a', 'b', 'c']) {
    const echo = once(stream, 'data');
    stream.write(word);
    expect(String((await echo)[0])).toBe(`echo ${word}`);
  }
  const end = once(stream, 'end');
  stream.end();
  stream.resume();
  await end;
});

it('Network carries 100 streams of one guest connection over one server connection', async () => {
  const sessions = new Set<unknown>();
  const port = await startHttp2('api.test', (stream, headers) => {
    sessions.add(stream.session);
    stream.respond({ ':status': 200 });
    stream.end(headers[':path']);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`);
  const answers = await Promise.all(
    paths.map((path) => answerOf(session.request({ ':path': path }))),
  );
  expect(answers.map(({ body }) => body.toString())).toEqual(paths);
  expect(sessions.size).toBe(1);
});

it.each([
  ['INTERNAL_ERROR', http2.constants.NGHTTP2_INTERNAL_ERROR],
  ['CANCEL', http2.constants.NGHTTP2_CANCEL],
])(
  'Network resets the stream when the server resets it with %s in mid-body',
  async (_name, code) => {
    const port = await startHttp2('api.test', (stream) => {
      // Without its trailers the body has not ended when the stream is closed.
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.write('half', () => setTimeout(() => stream.close(code), 50));
    });
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const session = await connectHttp2(net, 'api.test', port);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined).resume();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.rstCode).not.toBe(http2.constants.NGHTTP2_NO_ERROR);
    expect((await net.event('response')).error).not.toBeNull();
  },
);

it('Network resets the streams of a server connection that breaks', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('half', () => setTimeout(() => stream.session?.destroy(), 50));
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined).resume();
  await new Promise((resolve) => stream.once('close', resolve));
  expect(stream.rstCode).not.toBe(http2.constants.NGHTTP2_NO_ERROR);
  // The session of the guest lives on.
  const next = session.request({ ':path': '/2' });
  next.on('error', () => undefined);
  await once(next, 'response');
});

it('Network cancels the server stream when the guest cancels its own', async () => {
  let cancelled: (code: number) => void = () => undefined;
  const code = new Promise<number>((resolve) => {
    cancelled = resolve;
  });
  const port = await startHttp2('api.test', (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('begun');
    stream.once('close', () => cancelled(stream.rstCode));
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await once(stream, 'response');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  expect(await code).toBe(http2.constants.NGHTTP2_CANCEL);
});

it('Network holds the server back when a guest stream is not read', async () => {
  let written = 0;
  const port = await startHttp2('api.test', (stream) => {
    stream.respond({ ':status': 200 });
    const chunk = Buffer.alloc(65_536);
    const pump = (): void => {
      while (!stream.destroyed && stream.write(chunk)) written += chunk.length;
    };
    stream.on('drain', pump);
    pump();
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const stuck = session.request({ ':path': '/stuck' });
  await once(stuck, 'response');
  stuck.pause();
  // Another stream of the same connection still works, and the stuck one comes to rest far below what it could send.
  let before = -1;
  while (before !== written) {
    before = written;
    const other = session.request({ ':path': '/other' });
    await once(other, 'response');
    other.on('error', () => undefined).close(http2.constants.NGHTTP2_CANCEL);
    await new Promise((resolve) => setImmediate(resolve));
    if (written > 64 * 1024 * 1024) break;
  }
  expect(written).toBeLessThan(64 * 1024 * 1024);
});

it('Network speaks HTTP/1.1 to a server that has no HTTP/2, for a guest that does', async () => {
  const port = await startHttps('api.test', (message, response) => {
    response.setHeader('connection', 'keep-alive');
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.end(`${message.httpVersion} ${message.headers.cookie}`);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const answer = await answerOf(session.request({ ':path': '/', cookie: ['x=1', 'y=2'] }));
  expect(answer.body.toString()).toBe('1.1 x=1; y=2');
  expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
});

it('Network carries HTTP/2 without TLS when the guest starts with it', async () => {
  const port = await startH2c((stream, headers) => {
    stream.respond({ ':status': 200 });
    stream.end(`${headers[':scheme']} ${headers[':authority']}`);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTcp(net, 'api.test', port);
  const session = http2.connect(`http://api.test:${port}`, { createConnection: () => socket });
  onTestFinished(() => session.destroy());
  const answer = await answerOf(session.request({ ':path': '/' }));
  expect(answer.body.toString()).toBe(`http api.test:${port}`);
});

it('Network refuses a request of an HTTP/2 connection that names another host', async () => {
  let asked = 0;
  const port = await startHttp2('api.test', (stream) => {
    asked += 1;
    stream.respond({ ':status': 200 });
    stream.end();
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const own = { ':authority': `api.test:${port}` };
  const tries = [
    { ':authority': `other.test:${port}` },
    { ':authority': 'api.test' },
    { ...own, host: 'other.test' },
  ];
  for (const fields of tries) {
    const { headers } = await answerOf(session.request({ ':path': '/', ...fields }));
    expect(headers[':status']).toBe(421);
  }
  // Since Node 24 nghttp2 resets such a stream before it becomes a request.
  const withUser = session.request({ ':path': '/', ':authority': `user@api.test:${port}` });
  const refusal = await answerOf(withUser).then(
    ({ headers }) => headers[':status'],
    (error: NodeJS.ErrnoException) => error.code,
  );
  expect([421, 'ERR_HTTP2_STREAM_ERROR']).toContain(refusal);
  expect(asked).toBe(0);
  expect((await answerOf(session.request({ ':path': '/', ...own }))).headers[':status']).toBe(200);
});

it('Network passes early hints on over HTTP/2', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
    stream.respond({ ':status': 200 });
    stream.end();
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  const hints = once(stream, 'headers') as Promise<[IncomingHttpHeaders]>;
  await once(stream, 'response');
  expect((await hints)[0]).toMatchObject({ ':status': 103, link: '</a.css>; rel=preload' });
});

it('Network invites a body that waits for 100 on HTTP/2', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.additionalHeaders({ ':status': 100 });
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':method': 'PUT', ':path': '/', expect: '100-continue' });
  await once(stream, 'continue');
  stream.end('invited');
  expect((await answerOf(stream)).body.toString()).toBe('invited');
});

it('Network reads the rest of nobody’s upload when the server has answered', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.respond({ ':status': 413 });
    stream.end('big');
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':method': 'PUT', ':path': '/' });
  stream.on('error', () => undefined);
  stream.write('some of it');
  const answer = await answerOf(stream);
  expect(answer.headers[':status']).toBe(413);
  expect(answer.body.toString()).toBe('big');
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
});

it('Network ends an HTTP/2 connection once the guest has said GOAWAY and has its answers', async () => {
  const port = await startHttps('api.test', (_message, response) => {
    response.end('hello');
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTls(net, 'api.test', port, { ALPNProtocols: ['h2'] });
  const ended = once(socket, 'end');
  const answer = readAll(socket);
  socket.write(http2Bytes(pseudo(`api.test:${port}`)));
  await ended;
  expect((await answer).text).toContain('hello');
});
