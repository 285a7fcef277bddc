import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { afterAll, expect, it } from 'vitest';
import { connectHttp2, exchangeBytes } from '../../fixtures/net/clients.ts';
import { startHttp, startRawTls } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n';
const WHOLE = 'Content-Length: 2\r\n\r\nok';

it.each([
  ['trailers that may stand once', `${CHUNKED}ETag: a\r\nETag: b\r\n\r\n`, 200],
  ['trailers about the connection', `${CHUNKED}Connection: x\r\nUpgrade: x\r\n\r\n`, 200],
  ['trailers with bytes above ASCII', `${CHUNKED}X-A: \xff\xfe\r\n\r\n`, 200],
  ['fields that may stand once', `HTTP/1.1 200 OK\r\nETag: a\r\nETag: b\r\n${WHOLE}`, 200],
  [
    'a hint with fields twice',
    `HTTP/1.1 103 Hint\r\nETag: a\r\nETag: b\r\n\r\nHTTP/1.1 200 OK\r\n${WHOLE}`,
    200,
  ],
  ['a status below 100', `HTTP/1.1 099 Odd\r\n\r\nHTTP/1.1 200 OK\r\n${WHOLE}`, 502],
  ['a status above 599', `HTTP/1.1 999 Odd\r\n${WHOLE}`, 502],
])(
  'Network comes to an end with an HTTP/2 guest when an HTTP/1.1 server sends %s',
  async (_name, bytes, status) => {
    const port = await startRawTls('http/1.1', (socket) => {
      socket.on('data', () => socket.write(bytes, 'latin1'));
    });
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const session = await connectHttp2(net, 'api.test', port);
    for (let count = 0; count < 2; count += 1) {
      const stream = session.request({ ':path': '/' });
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      expect(headers[':status']).toBe(status);
      if (status === 200) expect(String((await once(stream, 'data'))[0])).toBe('ok');
      await once(stream.resume(), 'close');
      expect(stream.rstCode).toBe(0);
    }
  },
);

it('Network keeps the first of fields that may stand once, and joins lists, for an HTTP/2 guest', async () => {
  const port = await startRawTls('http/1.1', (socket) => {
    const fields =
      'X-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\nContent-Language: de\r\nContent-Language: en\r\nVary: a\r\nVary: b';
    socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${fields}\r\n${WHOLE}`));
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const session = await connectHttp2(net, 'api.test', port);
  const [headers] = await once(session.request({ ':path': '/' }), 'response');
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'content-language': 'de, en',
    vary: 'a, b',
  });
});

it('Network judges a request with an expectation that nobody knows as any other', async () => {
  const port = await startHttp((message, response) => response.end(String(message.headers.expect)));
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const get = (named: string) =>
    `GET / HTTP/1.1\r\nHost: ${named}\r\nExpect: the-best\r\nConnection: close\r\n\r\n`;
  const { text } = await exchangeBytes(net, 'api.test', port, get(host));
  expect(text).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*undefined$/);
  const other = await exchangeBytes(net, 'api.test', port, get('evil.test'));
  expect(other.text).toMatch(/^HTTP\/1\.1 421 /);
});
