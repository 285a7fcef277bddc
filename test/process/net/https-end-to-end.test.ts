import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import { connectHttp2, connectTls } from '../../fixtures/net/clients.ts';
import { curl } from '../../fixtures/net/curl.ts';
import { startHttp2, startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

it('Network carries an HTTPS request of curl when the server speaks HTTP/1.1 only', async () => {
  const port = await startHttps('api.test', (request, response) => {
    response.end(`${request.method} ${request.url} ${request.headers.host}`);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const url = `https://api.test:${port}/hello?x=1`;
  const body = `GET /hello?x=1 api.test:${port}`;
  expect(await curl(net, url, '--http1.1')).toEqual({ body, status: 200, version: '1.1' });
  expect(await curl(net, url, '--http2')).toEqual({ body, status: 200, version: '2' });
  const event = await net.event('response');
  expect(event).toMatchObject({ statusCode: 200, host: 'api.test', port, error: null });
});

it('Network carries HTTP/2 end to end when both sides speak it', async () => {
  const port = await startHttp2('api.test', (stream, headers) => {
    stream.respond({ ':status': 200 });
    stream.end(`${headers[':method']} ${headers[':path']} ${headers[':authority']}`);
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const answer = await curl(net, `https://api.test:${port}/x`, '--http2');
  expect(answer).toEqual({ body: `GET /x api.test:${port}`, status: 200, version: '2' });
});

it('Network answers a denied HTTPS host with 403 that names host, rule and what to add', async () => {
  const net = await createTestNetwork({ allow: ['api.test'] });
  const text = await curl(net, 'https://evil.test/secret');
  expect(text.status).toBe(403);
  expect(text.body).toMatch(
    /host: evil\.test\n.*rule: allowed_hosts.*allowed_hosts: \["evil\.test"\]/s,
  );
  const json = await curl(net, 'https://evil.test/secret', '-H', 'Accept: application/json');
  expect(JSON.parse(json.body)).toMatchObject({
    error: expect.stringMatching(/^gondolin: .*allowed_hosts: \["evil\.test"\]$/),
    gondolin: { status: 403, reason: 'not_allowed', host: 'evil.test', port: 443 },
  });
  expect(await net.event('blocked')).toMatchObject({
    host: 'evil.test',
    statusCode: 403,
    url: 'https://evil.test/secret',
    reason: 'not_allowed',
  });
});

it.each([
  ['AES for a real CPU', false, 'TLS_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  [
    'ChaCha20 for an emulated one',
    true,
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ],
])('Network chooses %s, whatever order a guest asks in', async (_, isCpuEmulated, tls13, tls12) => {
  const net = await createTestNetwork({ allow: ['api.test'], isCpuEmulated });
  const modern = await connectTls(net, 'api.test', 443, {
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
  });
  expect(modern.getCipher().name).toBe(tls13);
  modern.destroy();
  const older = await connectTls(net, 'api.test', 443, {
    maxVersion: 'TLSv1.2',
    ciphers:
      'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256',
  });
  expect(older.getCipher().name).toBe(tls12);
  older.destroy();
});

it('Network leaves a guest at HTTP/1.1 once the server has turned HTTP/2 down, if it can', async () => {
  const port = await startHttps('api.test', (_request, response) => response.end('text'));
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const url = `https://api.test:${port}/`;
  expect((await curl(net, url, '--http2')).version).toBe('2');
  expect((await curl(net, url, '--http2')).version).toBe('1.1');
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  expect((await once(stream, 'response'))[0]).toMatchObject({ ':status': 200 });
});
