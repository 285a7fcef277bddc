import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { decode, encode } from 'dns-packet';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import { DENIED_WEB_START_MS } from '../../../src/net/limits.ts';
import { checkSecretValue } from '../../../src/net/secret/secret-value.ts';
import { createTestCa } from '../../fixtures/net/certificates.ts';
import {
  connectTcp,
  connectTls,
  exchangeBytes,
  readAll,
  request,
} from '../../fixtures/net/clients.ts';
import { startHttp, startHttps, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  serverCa,
  type TestNetworkOptions,
} from '../../fixtures/net/test-network.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

afterAll(removeTestCa);

it('Network dials a /tcp host at once, so that a server that speaks first is heard', async () => {
  const port = await startTcp((socket) => {
    socket.write('220 ready\r\n');
    socket.once('data', (chunk) => socket.end(`got ${chunk}`));
  });
  const net = await createTestNetwork({ allow: [`mail.test:${port}/tcp`] });
  const socket = await connectTcp(net, 'mail.test', port);
  expect(String((await once(socket, 'data'))[0])).toBe('220 ready\r\n');
  const rest = readAll(socket);
  socket.write('QUIT');
  expect(await rest).toEqual({ text: 'got QUIT', error: null });
  socket.end();
  const end = await net.event('connection_end');
  expect(end).toMatchObject({ sentBytes: 4, receivedBytes: 19, transport: 'tcp', error: null });
});

it('Network passes each half-close on by itself', async () => {
  const port = await startTcp((socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(chunks)));
  });
  const net = await createTestNetwork({ allow: [`echo.test:${port}/tcp`] });
  const socket = await connectTcp(net, 'echo.test', port);
  const answer = readAll(socket);
  socket.end('all of it');
  expect(await answer).toEqual({ text: 'all of it', error: null });
});

it('Network resets the guest when the server resets, and the server when the guest does', async () => {
  const resets: string[] = [];
  let reset: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => {
    reset = resolve;
  });
  const port = await startTcp((socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resets.push(error.code ?? '');
      reset();
    });
    socket.once('data', (chunk) => {
      if (String(chunk) === 'reset me') socket.resetAndDestroy();
      else socket.write('hello');
    });
  });
  const net = await createTestNetwork({ allow: [`db.test:${port}/tcp`] });
  expect((await exchangeBytes(net, 'db.test', port, 'reset me')).error).toBe('ECONNRESET');
  const socket = await connectTcp(net, 'db.test', port);
  socket.write('hi');
  await once(socket, 'data');
  socket.resetAndDestroy();
  await seen;
  expect(resets).toEqual(['ECONNRESET']);
});

it('Network resets raw bytes to a host that is allowed for HTTP only, and tells it', async () => {
  const port = await startTcp((socket) => socket.end('never'));
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const { text, error } = await exchangeBytes(net, 'api.test', port, 'SSH-2.0-client\r\n');
  expect({ text, error }).toEqual({ text: '', error: 'ECONNRESET' });
  expect(await net.event('blocked')).toMatchObject({
    host: 'api.test',
    transport: 'tcp',
    statusCode: null,
  });
});

it.each([
  { port: 443, transport: 'https', entry: 'no.test' },
  { port: 80, transport: 'http', entry: 'no.test' },
  { port: 8443, transport: 'tcp', entry: 'no.test:8443/tcp' },
])(
  'Network tells of a denied connection to $port that ends without a byte as $transport',
  async ({ port, transport, entry }) => {
    const net = await createTestNetwork({ allow: ['api.test'] });
    const socket = await connectTcp(net, 'no.test', port);
    socket.end();
    expect(await net.event('blocked')).toMatchObject({
      ...{ host: 'no.test', port, transport, reason: 'not_allowed' },
      suggestion: `allowed_hosts: ["${entry}"]`,
    });
  },
);

it('Network tells of a denied connection to 443 that stays silent as https', async () => {
  const net = await createTestNetwork({ allow: ['api.test'] });
  const early = net.event('blocked', ({ host }) => host === 'early.test');
  (await connectTcp(net, 'early.test', 443)).end();
  await early;
  // From here on all code is loaded: the timer is set in the turn in which the connection comes.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const told = net.event('blocked', ({ host }) => host === 'no.test');
  const [guest, host] = duplexPair();
  const address = await net.addressOf('no.test');
  net.network.accept(host, { address, port: 443 });
  await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
  await vi.advanceTimersByTimeAsync(DENIED_WEB_START_MS);
  expect(await told).toMatchObject({
    transport: 'https',
    suggestion: 'allowed_hosts: ["no.test"]',
  });
  guest.destroy();
});

it('Network tells nothing of an allowed connection that ends without a byte', async () => {
  const net = await createTestNetwork({ allow: ['api.test'] });
  const socket = await connectTcp(net, 'api.test', 443);
  socket.end();
  expect((await readAll(socket)).text).toBe('');
  expect(net.events.filter(({ kind }) => kind === 'blocked')).toEqual([]);
});

it('Network resets a connection to a server that refuses it, and tells why', async () => {
  const net = await createTestNetwork({ allow: ['db.test:1/tcp'] });
  expect((await exchangeBytes(net, 'db.test', 1, 'x')).error).toBe('ECONNRESET');
  expect((await net.event('connection_end')).error).toMatch(/cannot connect to db\.test:1/);
});

it('Network finds the server behind raw bytes in mode open, and inspects HTTP there', async () => {
  const raw = await startTcp((socket) => socket.end('banner'));
  const web = await startHttp((_message, response) => response.end('web'));
  const net = await createTestNetwork({ policy: { mode: 'open' } });
  const socket = await connectTcp(net, 'any.test', raw);
  expect((await readAll(socket)).text).toBe('banner');
  const answer = await request(await connectTcp(net, 'any.test', web), {
    headers: { host: `any.test:${web}` },
  });
  expect(answer.body).toBe('web');
  expect(await net.event('response')).toMatchObject({ host: 'any.test', statusCode: 200 });
});

/** Each makes requests be read: by a rule, a hook or a secret. */
const READERS: Record<string, Partial<TestNetworkOptions>> = {
  'a rule': {
    policy: { mode: 'open', rules: [{ host: 'api.test', action: 'deny', paths: ['/admin/**'] }] },
  },
  'a hook': { policy: { mode: 'open' }, hooks: { onRequest: () => undefined } },
  'a secret': {
    policy: { mode: 'open' },
    secrets: [{ name: 'T', hosts: ['api.test'], value: checkSecretValue('T', 'a-long-value') }],
  },
};

it.each(Object.entries(READERS))(
  'Network lets no raw bytes through in mode open past %s',
  async (_what, options) => {
    let connections = 0;
    const port = await startTcp((socket) => {
      connections += 1;
      socket.end('raw');
    });
    const net = await createTestNetwork(options);
    // A handshake record whose message is no ClientHello.
    const broken = '\x16\x03\x01\x00\x04\x02\x00\x00\x00AUTH x\r\n';
    for (const name of ['api.test', 'other.test', '127.0.0.1']) {
      const invalid = await exchangeBytes(net, name, port, broken);
      expect(invalid).toMatchObject({ text: '', error: 'ECONNRESET' });
    }
    expect(connections).toBe(0);
    const explicit = { ...options.policy, allowedHosts: [`db.test:${port}/tcp`] };
    const raw = await createTestNetwork({ ...options, policy: explicit });
    expect((await exchangeBytes(raw, 'db.test', port, 'x')).text).toBe('raw');
  },
);

it('Network reads HTTP and TLS in mode open however late they begin', async () => {
  const web = await startHttp((_message, response) => response.end('web'));
  const tls = await startHttps('tls.test', (_message, response) => response.end('tls'));
  const asked: Record<string, () => void> = {};
  const net = await createTestNetwork({
    policy: { mode: 'open' },
    // The name is looked up once the guest has been silent long enough for its server to be asked.
    resolve: async (name) => {
      asked[name]?.();
      return ['127.0.0.1'];
    },
  });
  const silentFor = (name: string) =>
    new Promise<void>((done) => Object.assign(asked, { [name]: done }));
  const silent = [silentFor('any.test'), silentFor('tls.test')];
  const late = await connectTcp(net, 'any.test', web);
  const lateTls = await connectTcp(net, 'tls.test', tls);
  await Promise.all(silent);
  const answer = await request(late, { headers: { host: `any.test:${web}` } });
  expect(answer.body).toBe('web');
  const { connect } = await import('node:tls');
  const socket = connect({ socket: lateTls, servername: 'tls.test', ca: net.guestRoot });
  expect((await request(socket, { headers: { host: `tls.test:${tls}` } })).body).toBe('tls');
  await net.event('response', ({ host, statusCode }) => host === 'any.test' && statusCode === 200);
});

it('Network tells other protocols from HTTP by their first line where both are allowed', async () => {
  const port = await startTcp((socket) => {
    socket.on('data', (bytes) => socket.end(`raw ${bytes}`));
  });
  const place = `any.test:${port}`;
  const both = await createTestNetwork({ allow: [place, `${place}/tcp`] });
  expect((await exchangeBytes(both, 'any.test', port, 'AUTH x\r\n')).text).toBe('raw AUTH x\r\n');
  const get = 'GET / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n';
  expect((await exchangeBytes(both, 'any.test', port, get)).text).toMatch(/^HTTP\/1\.1 421 /);
  const web = await createTestNetwork({ allow: [place] });
  for (const line of ['AUTH x\r\n', 'GET / HTTP/3.0\r\n\r\n']) {
    const { text } = await exchangeBytes(web, 'any.test', port, line);
    expect(text, line).toMatch(/^HTTP\/1\.1 400 /);
  }
});

it('Network dials the next address when the first does not answer', async () => {
  const port = await startHttp((_message, response) => response.end('second'));
  // 127.0.0.2 refuses: the server listens on 127.0.0.1 only.
  const net = await createTestNetwork({
    allow: [`api.test:${port}`],
    resolve: async () => ['127.0.0.2', '127.0.0.1'],
  });
  const answer = await request(await connectTcp(net, 'api.test', port), {
    headers: { host: `api.test:${port}` },
  });
  expect(answer.body).toBe('second');
});

it('Network judges each address of a name and dials none that policy refuses', async () => {
  const asked: unknown[] = [];
  const port = await startHttp((_message, response) => {
    asked.push(1);
    response.end();
  });
  const net = await createTestNetwork({
    allow: [`api.test:${port}`],
    policy: { allowedPrivate: [] },
  });
  const answer = await request(await connectTcp(net, 'api.test', port), {
    headers: { host: `api.test:${port}` },
  });
  expect(answer.status).toBe(403);
  expect(answer.headers['x-gondolin-refused']).toBe('private_address');
  expect(await net.event('blocked')).toMatchObject({ reason: 'private_address', host: 'api.test' });
  expect(net.events.some(({ kind }) => kind === 'request')).toBe(false);
  expect(asked).toEqual([]);
});

it('Network gains a guest nothing when a name answers with another address later', async () => {
  const port = await startHttp((_message, response) => {
    response.setHeader('connection', 'close');
    response.end('public');
  });
  const answers = [['127.0.0.1'], ['10.0.0.1'], ['169.254.169.254', '10.0.0.1']];
  const net = await createTestNetwork({
    allow: [`api.test:${port}`],
    resolve: async () => answers.shift() ?? [],
    waits: { lookupCacheMs: 0 },
  });
  const send = async () =>
    (
      await request(await connectTcp(net, 'api.test', port), {
        headers: { host: `api.test:${port}` },
      })
    ).status;
  expect([await send(), await send(), await send()]).toEqual([200, 403, 403]);
});

it('Network serves DNS over TCP on port 53 of any address', async () => {
  const net = await createTestNetwork({ allow: ['api.test'] });
  const socket = await connectTcp(net, '9.9.9.9', 53);
  const query = encode({ type: 'query', id: 7, questions: [{ name: 'api.test', type: 'A' }] });
  const framed = Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query]);
  socket.write(framed);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(decode(answer.subarray(2))).toMatchObject({ id: 7, answers: [{ name: 'api.test' }] });
});

it.each([
  ['198.19.255.1', 80],
  ['fd67:6f6e:646f::1', 443],
  ['127.0.0.1', 0],
  ['127.0.0.1', 65_536],
  ['fe80::1%lo', 80],
  ['localhost', 80],
])('Network resets a connection to %s port %i, which it never gave out', async (address, port) => {
  const net = await createTestNetwork({ policy: { mode: 'open' } });
  const { GuestStream } = await import('../../fixtures/net/guest-stream.ts');
  const server = await startTcp((socket) =>
    net.network.accept(new GuestStream(socket), { address, port }),
  );
  const { connect } = await import('node:net');
  const socket = connect(server, '127.0.0.1');
  expect((await readAll(socket)).error).toBe('ECONNRESET');
});

it('Network ends TLS with a certificate for the captured name, and refuses another server name', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('ok'));
  const net = await createTestNetwork({ allow: [`api.test:${port}`, `other.test:${port}`] });
  const socket = await connectTls(net, 'api.test', port);
  expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:api.test');
  await expect(connectTls(net, 'api.test', port, { servername: 'other.test' })).rejects.toThrow();
  expect(await net.event('blocked')).toMatchObject({ reason: 'name_mismatch', host: 'api.test' });
  const upper = await connectTls(net, 'api.test', port, {
    servername: 'API.test',
    checkServerIdentity: () => undefined,
  });
  expect(upper.authorized).toBe(true);
});

it('Network verifies the server for the name and tells the guest what is wrong', async () => {
  const port = await startHttps('wrong.test', (_message, response) => response.end('never'));
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTls(net, 'api.test', port);
  const answer = await request(socket, { headers: { host: `api.test:${port}` } });
  expect(answer.status).toBe(502);
  expect(answer.headers['x-gondolin-refused']).toBe('NET_UPSTREAM_TLS');
  expect(answer.body).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
});

it('Network trusts no private authority that ca does not name', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('never'));
  const net = await createTestNetwork({ allow: [`api.test:${port}`], ca: [] });
  const answer = await request(await connectTls(net, 'api.test', port), {
    headers: { host: `api.test:${port}` },
  });
  expect(answer.body).toMatch(/NET_UPSTREAM_TLS/);
});

it('Network trusts the roots of NODE_EXTRA_CA_CERTS beside those of ca', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('trusted'));
  const path = join(temporaryDirectory(), 'extra.pem');
  writeFileSync(path, serverCa.caPem);
  vi.stubEnv('NODE_EXTRA_CA_CERTS', path);
  onTestFinished(() => void vi.unstubAllEnvs());
  const ca = [createTestCa('another root').caPem];
  const statusWith = async () => {
    const net = await createTestNetwork({ allow: [`api.test:${port}`], ca });
    const headers = { host: `api.test:${port}` };
    return (await request(await connectTls(net, 'api.test', port), { headers })).status;
  };
  expect(await statusWith()).toBe(200);
  // Node itself goes on when the file is gone.
  vi.stubEnv('NODE_EXTRA_CA_CERTS', `${path}.gone`);
  expect(await statusWith()).toBe(502);
});

it('Network leaves the TLS of a passthrough host closed after it checked its name', async () => {
  const port = await startHttps('pinned.test', (_message, response) =>
    response.end('own certificate'),
  );
  const entry = `pinned.test:${port}`;
  const net = await createTestNetwork({ allow: [entry], passthrough: [entry] });
  const socket = await connectTls(net, 'pinned.test', port, { ca: serverCa.caPem });
  expect((await request(socket, { headers: { host: entry } })).body).toBe('own certificate');
  expect(await net.event('connection')).toMatchObject({
    transport: 'passthrough',
    host: 'pinned.test',
  });
  const other = connectTls(net, 'pinned.test', port, { ca: serverCa.caPem, servername: 'x.test' });
  await expect(other).rejects.toThrow();
});

it.each([
  [
    'NET_NAME_UNRESOLVED',
    { resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) },
  ],
  ['NET_NAME_UNRESOLVED', { resolve: async () => [] }],
  ['NET_DIAL_FAILED', {}],
])('Network answers 502 with %s when the server cannot be reached', async (code, options) => {
  const net = await createTestNetwork({ allow: ['api.test:1'], ...options });
  const answer = await request(await connectTcp(net, 'api.test', 1), {
    headers: { host: 'api.test:1' },
  });
  expect(answer.status).toBe(502);
  expect(answer.headers['x-gondolin-refused']).toBe(code);
  expect((await net.event('response')).error).not.toBeNull();
});

it('close() ends the connections of guests and servers and leaves no socket', async () => {
  const servers = new Set<object>();
  const port = await startTcp((socket) => {
    servers.add(socket);
    socket.resume().once('end', () => socket.end());
    socket.once('close', () => servers.delete(socket));
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
  });
  const net = await createTestNetwork({ allow: [`a.test:${port}`, `b.test:${port}/tcp`] });
  const http = await connectTcp(net, 'a.test', port);
  http.write(`GET / HTTP/1.1\r\nHost: a.test:${port}\r\n\r\n`);
  await once(http, 'data');
  const tcp = await connectTcp(net, 'b.test', port);
  await once(tcp, 'data');
  const idle = await connectTcp(net, 'a.test', port);
  const ends = Promise.all([http, tcp, idle].map((socket) => readAll(socket)));
  await net.network.close();
  expect((await ends).map(({ error }) => error)).toEqual([
    'ECONNRESET',
    'ECONNRESET',
    'ECONNRESET',
  ]);
  expect(net.openStreams()).toBe(0);
  await expect.poll(() => servers.size, { timeout: 10_000 }).toBe(0);
  const late = await connectTcp(net, 'a.test', port).catch(() => null);
  expect(late === null ? 'ECONNRESET' : (await readAll(late)).error).toBe('ECONNRESET');
});

it('Network refuses a request whose override fields name what a rule denies', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const place = `api.test:${port}`;
  const net = await createTestNetwork({
    allow: [place],
    policy: {
      rules: [
        { host: 'api.test', methods: ['DELETE'], action: 'deny' },
        { host: 'api.test', paths: ['/admin/**'], action: 'deny' },
      ],
    },
  });
  const statusOf = async (headers: Record<string, string>) =>
    (
      await request(await connectTcp(net, 'api.test', port), {
        headers: { host: place, ...headers },
      })
    ).status;
  expect(await statusOf({})).toBe(200);
  expect(await statusOf({ 'X-HTTP-Method-Override': 'delete' })).toBe(403);
  expect(await statusOf({ 'X-Original-URL': '/Admin/' })).toBe(403);
});

it('Network opens no TLS of a passthrough entry without a port, on whatever port', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('ok'));
  const net = await createTestNetwork({ allow: [`api.test:${port}`], passthrough: ['api.test'] });
  const socket = await connectTls(net, 'api.test', port, { ca: serverCa.caPem });
  expect(socket.authorized).toBe(true);
  expect(await net.event('connection')).toMatchObject({ transport: 'passthrough', port });
});
