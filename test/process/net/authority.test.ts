import { afterAll, expect, it } from 'vitest';
import {
  connectTcp,
  connectTls,
  exchangeBytes,
  readAll,
  request,
} from '../../fixtures/net/clients.ts';
import { startHttp, startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const close = 'Connection: close\r\n\r\n';
const REFUSED = [
  ['another host', `GET / HTTP/1.1\r\nHost: other.test:PORT\r\n${close}`],
  ['another port', `GET / HTTP/1.1\r\nHost: api.test:1\r\n${close}`],
  ['no port where it is not the scheme’s own', `GET / HTTP/1.1\r\nHost: api.test\r\n${close}`],
  ['userinfo', `GET / HTTP/1.1\r\nHost: api.test:PORT@other.test\r\n${close}`],
  ['userinfo before it', `GET / HTTP/1.1\r\nHost: other.test@api.test:PORT\r\n${close}`],
  ['a list', `GET / HTTP/1.1\r\nHost: api.test:PORT, other.test\r\n${close}`],
  ['a path', `GET / HTTP/1.1\r\nHost: api.test:PORT/x\r\n${close}`],
  ['an address', `GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n${close}`],
  ['an address in another spelling', `GET / HTTP/1.1\r\nHost: 0x7f.1:PORT\r\n${close}`],
  ['an empty host', `GET / HTTP/1.1\r\nHost:\r\n${close}`],
  [
    'an absolute target of another host',
    `GET http://other.test:PORT/ HTTP/1.1\r\nHost: api.test:PORT\r\n${close}`,
  ],
  [
    'an absolute target of another scheme',
    `GET https://api.test:PORT/ HTTP/1.1\r\nHost: api.test:PORT\r\n${close}`,
  ],
  [
    'an absolute target and another Host',
    `GET http://api.test:PORT/ HTTP/1.1\r\nHost: other.test\r\n${close}`,
  ],
] as const;

it.each(REFUSED)('Network answers 421 to a request with %s', async (_name, bytes) => {
  let asked = 0;
  const port = await startHttp((_message, response) => {
    asked += 1;
    response.end();
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`, `other.test:${port}`] });
  const { text } = await exchangeBytes(
    net,
    'api.test',
    port,
    bytes.replaceAll('PORT', String(port)),
  );
  expect(text).toMatch(/^HTTP\/1\.1 421 /);
  expect(await net.event('blocked')).toMatchObject({ reason: 'name_mismatch', host: 'api.test' });
  expect(asked).toBe(0);
});

it.each([
  ['upper case', 'Host: API.Test:PORT'],
  ['a trailing dot', 'Host: api.test.:PORT'],
])(
  'Network takes %s in Host for the same name and writes it as it is known',
  async (_name, field) => {
    const port = await startHttp((message, response) => response.end(message.headers.host));
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const host = field.replace('PORT', String(port));
    const { text } = await exchangeBytes(
      net,
      'api.test',
      port,
      `GET / HTTP/1.1\r\n${host}\r\n${close}`,
    );
    expect(text.startsWith('HTTP/1.1 200 ') && text.endsWith(`api.test:${port}`)).toBe(true);
  },
);

it('Network judges every request of a connection, not the first alone', async () => {
  const port = await startHttp((message, response) => response.end(message.url));
  const net = await createTestNetwork({
    allow: [`api.test:${port}`],
    policy: {
      rules: [
        { host: 'api.test', methods: ['GET'], paths: ['/ok/**'], action: 'allow' },
        { host: 'api.test', action: 'deny' },
      ],
    },
  });
  const get = (path: string, host = `api.test:${port}`, more = '\r\n') =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}`;
  const bytes =
    get('/ok/1') +
    get('/no') +
    get('/ok/2', 'evil.test') +
    get('/ok/../no') +
    get('/ok/3', undefined, close);
  const { text } = await exchangeBytes(net, 'api.test', port, bytes);
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(
    ['200', '403', '421', '403', '200'].map((code) => `HTTP/1.1 ${code}`),
  );
});

it('Network refuses CONNECT and TRACE with 405', async () => {
  const port = await startHttp((_message, response) => response.end());
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const host = `api.test:${port}`;
  for (const bytes of [
    `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    `TRACE / HTTP/1.1\r\nHost: ${host}\r\n${close}`,
  ]) {
    expect((await exchangeBytes(net, 'api.test', port, bytes)).text).toMatch(/^HTTP\/1\.1 405 /);
  }
});

it('Network ignores an offer of h2c and answers by HTTP/1.1', async () => {
  const port = await startHttp((message, response) =>
    response.end(String(message.headers.upgrade)),
  );
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const bytes = `GET / HTTP/1.1\r\nHost: api.test:${port}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`;
  const { text, error } = await exchangeBytes(net, 'api.test', port, bytes);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*undefined$/);
  expect(error).toBeNull();
});

it('Network serves a connection to an address that is allowed, and names it in its certificate', async () => {
  const port = await startHttps('127.0.0.1', (message, response) =>
    response.end(message.headers.host),
  );
  const net = await createTestNetwork({ allow: [`127.0.0.1:${port}`] });
  const socket = await connectTls(net, '127.0.0.1', port, { servername: '', host: '127.0.0.1' });
  expect(socket.getPeerCertificate().subjectaltname).toBe('IP Address:127.0.0.1');
  const answer = await request(socket, { headers: { host: `127.0.0.1:${port}` } });
  expect(answer.body).toBe(`127.0.0.1:${port}`);
});

it.each([
  ['127.0.0.1', '[::ffff:127.0.0.1]'],
  ['127.0.0.1', '[::ffff:7f00:1]'],
  ['127.0.0.1', '[0:0:0:0:0:FFFF:127.0.0.1]'],
  ['::ffff:127.0.0.1', '127.0.0.1'],
  ['::ffff:7f00:1', '[::ffff:127.0.0.1]'],
])('Network serves a connection to %s whose request names %s', async (captured, named) => {
  const port = await startHttp((message, response) => response.end(message.headers.host));
  const net = await createTestNetwork({ allow: [`127.0.0.1:${port}`] });
  const bytes = `GET / HTTP/1.1\r\nHost: ${named}:${port}\r\n${close}`;
  const { text } = await exchangeBytes(net, captured, port, bytes);
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  // The server is told the address as IPv4, whatever the spelling.
  expect(text.endsWith(`127.0.0.1:${port}`)).toBe(true);
});

it.each([
  ['127.0.0.1', '[::ffff:127.0.0.2]'],
  ['127.0.0.1', '[::127.0.0.1]'],
  ['127.0.0.1', '[64:ff9b::127.0.0.1]'],
  ['::1', '127.0.0.1'],
])(
  'Network answers 421 on a connection to %s to a request that names %s',
  async (captured, named) => {
    const port = await startHttp((_message, response) => response.end());
    const net = await createTestNetwork({ allow: [`127.0.0.1:${port}`, `[::1]:${port}`] });
    const bytes = `GET / HTTP/1.1\r\nHost: ${named}:${port}\r\n${close}`;
    const { text } = await exchangeBytes(net, captured, port, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 421 /);
  },
);

it('Network judges a v4-mapped destination as the address it is', async () => {
  const close10 = `GET / HTTP/1.1\r\nHost: [::ffff:10.0.0.1]\r\n${close}`;
  const net = await createTestNetwork({ policy: { mode: 'open', allowedPrivate: [] } });
  const { text } = await exchangeBytes(net, '::ffff:10.0.0.1', 80, close10);
  expect(text).toMatch(/^HTTP\/1\.1 403 [\s\S]*private_address/);
  const metadata = `GET / HTTP/1.1\r\nHost: [::ffff:a9fe:a9fe]\r\n${close}`;
  expect((await exchangeBytes(net, '169.254.169.254', 80, metadata)).text).toMatch(/ 403 /);
  const denied = await createTestNetwork({ policy: { mode: 'open', deniedHosts: ['10.0.0.0/8'] } });
  expect((await exchangeBytes(denied, '::ffff:10.0.0.1', 80, close10)).text).toMatch(/denied/);
  // A made-up address stands for its name in this form too.
  const api = await createTestNetwork({ allow: [] });
  const made = await api.addressOf('api.test');
  const get = `GET / HTTP/1.1\r\nHost: api.test\r\n${close}`;
  expect((await exchangeBytes(api, `::ffff:${made}`, 80, get)).text).toMatch(/host: api\.test/);
});

it('Network mints no certificate for the flood: beyond the budget a denied host is reset', async () => {
  const net = await createTestNetwork({ allow: ['api.test'] });
  const names = Array.from({ length: 80 }, (_, index) => `x${index}.evil.test`);
  const ends = await Promise.allSettled(names.map((name) => connectTls(net, name, 443)));
  const told = ends.filter(({ status }) => status === 'fulfilled').length;
  expect(told).toBeGreaterThanOrEqual(50);
  expect(told).toBeLessThan(80);
});

it('Network resets everything in mode none', async () => {
  const net = await createTestNetwork({ policy: { mode: 'none' } });
  const socket = await connectTcp(net, '93.184.216.34', 22);
  socket.write('SSH-2.0-x\r\n');
  expect((await readAll(socket)).error).toBe('ECONNRESET');
  const answer = await exchangeBytes(
    net,
    '93.184.216.34',
    80,
    `GET / HTTP/1.1\r\nHost: x\r\n${close}`,
  );
  expect(answer.text).toMatch(/403 Forbidden[\s\S]*mode: none/);
});
