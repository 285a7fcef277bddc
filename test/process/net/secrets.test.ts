import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { SecretValue } from '../../../src/net/secret/secret-value.ts';
import {
  connectHttp2,
  connectTcp,
  connectTls,
  readAll,
  request,
} from '../../fixtures/net/clients.ts';
import { startHttp, startHttp2, startHttps, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const VALUE = 'sk-live-0123456789abcdef';

async function secretNetwork(
  port: number,
): Promise<{ net: TestNetwork; placeholder: string; host: string }> {
  const host = `api.test:${port}`;
  const net = await createTestNetwork({
    allow: [host, `other.test:${port}`, `db.test:${port}/tcp`],
    secrets: [{ name: 'TOKEN', hosts: [host], value: new SecretValue(VALUE) }],
  });
  const { env } = await net.network.guestTrust();
  return { net, placeholder: env['TOKEN'] ?? '', host };
}

it('Network swaps a placeholder for its value in a header, and the answer brings it back as a placeholder', async () => {
  const seen: (string | undefined)[] = [];
  const port = await startHttps('api.test', (message, response) => {
    seen.push(message.headers.authorization, message.headers['accept-encoding']);
    response.setHeader('x-echo', String(message.headers.authorization));
    const text = `before ${message.headers.authorization} after`;
    if (message.url === '/gzip') {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(text));
      return;
    }
    response.write(text.slice(0, 20));
    setTimeout(() => response.end(text.slice(20)), 20);
  });
  const { net, placeholder, host } = await secretNetwork(port);
  for (const path of ['/', '/gzip']) {
    const socket = await connectTls(net, 'api.test', port);
    const headers = { host, authorization: `Bearer ${placeholder}` };
    const answer = await request(socket, { path, headers });
    expect(answer.body).toBe(`before Bearer ${placeholder} after`);
    expect(answer.headers['x-echo']).toBe(`Bearer ${placeholder}`);
  }
  expect(seen[0]).toBe(`Bearer ${VALUE}`);
  expect(seen[1]).toBe('identity');
  const sent = await net.event('request');
  expect(sent.secrets).toEqual(['TOKEN']);
  expect(JSON.stringify(net.events)).not.toContain(VALUE);
});

it.each([
  ['another host', { host: 'other.test' }, 'header'],
  ['the path', { path: '/PLACEHOLDER' }, 'path'],
  ['the query', { path: '/?key=PLACEHOLDER' }, 'query'],
  ['the method', { method: 'PLACEHOLDER' }, 'connection'],
  ['base64 of a header', { headers: { 'x-a': 'BASE64' } }, 'header'],
] as const)('Network refuses a placeholder that goes to %s', async (_name, how, place) => {
  let asked = 0;
  const listener = (_message: unknown, response: { end(): void }) => {
    asked += 1;
    response.end();
  };
  const port = await startHttps('api.test', listener);
  const { net, placeholder } = await secretNetwork(port);
  const name = 'host' in how ? how.host : 'api.test';
  const fill = (text: string) =>
    text
      .replace('PLACEHOLDER', placeholder)
      .replace('BASE64', Buffer.from(`x${placeholder}`).toString('base64'));
  const headers = {
    host: `${name}:${port}`,
    ...('headers' in how ? { 'x-a': fill(how.headers['x-a']) } : {}),
  };
  // Node's client knows no such method: the bytes go by hand.
  const line = `${'method' in how ? fill(how.method) : 'GET'} ${'path' in how ? fill(how.path) : '/'} HTTP/1.1`;
  const fields = {
    ...headers,
    connection: 'close',
    ...('host' in how ? { 'x-t': placeholder } : {}),
  };
  const socket = await connectTls(net, name, port);
  const answer = readAll(socket);
  socket.write(
    `${line}\r\n${Object.entries(fields)
      .map(([key, value]) => `${key}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  if (!('method' in how)) {
    expect((await answer).text).toMatch(/^HTTP\/1\.1 403 [\s\S]*secret_leak/);
    const reason = name === 'api.test' ? 'place' : 'host_not_listed';
    expect(await net.event('secret_leak')).toMatchObject({ secret: 'TOKEN', place, reason });
  } else expect((await answer).text).toMatch(/^HTTP\/1\.1 40[03] /);
  expect(asked).toBe(0);
});

it('Network refuses a placeholder over plain HTTP', async () => {
  const port = await startHttp((_message, response) => response.end());
  const { net, placeholder, host } = await secretNetwork(port);
  const answer = await request(await connectTcp(net, 'api.test', port), {
    headers: { host, authorization: placeholder },
  });
  expect(answer.status).toBe(403);
  expect(answer.body).not.toContain(VALUE);
  expect(answer.body).toContain('use https, or set allow_http on that secret');
  expect(await net.event('secret_leak')).toMatchObject({ place: 'header', reason: 'not_tls' });
});

it('Network refuses a body with a placeholder, split over chunks, before the last of it goes out', async () => {
  let received = '';
  const port = await startHttps('api.test', (message, response) => {
    message.on('data', (chunk) => {
      received += String(chunk);
    });
    message.on('end', () => response.end('whole'));
    message.on('error', () => undefined);
  });
  const { net, placeholder, host } = await secretNetwork(port);
  const body = [Buffer.from(`a=${placeholder.slice(0, 20)}`), Buffer.from(placeholder.slice(20))];
  const answer = await request(await connectTls(net, 'api.test', port), {
    method: 'POST',
    headers: { host },
    body,
  });
  expect(answer.status).toBe(403);
  expect(await net.event('secret_leak')).toMatchObject({ place: 'body', reason: 'place' });
  expect(received).not.toContain(placeholder);
});

it('Network refuses a placeholder in the trailers and in the body of HTTP/2', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.resume().on('end', () => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200 });
      stream.end();
    });
  });
  const { net, placeholder } = await secretNetwork(port);
  const session = await connectHttp2(net, 'api.test', port);
  for (const place of ['trailer', 'body']) {
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'x-a': place === 'trailer' ? placeholder : 'x' }),
    );
    stream.end(place === 'body' ? placeholder : 'x');
    const status = new Promise((resolve) =>
      stream.once('response', (head) => resolve(head[':status'])),
    );
    expect(await status).toBe(403);
    expect(await net.event('secret_leak', (leak) => leak.place === place)).toMatchObject({
      secret: 'TOKEN',
    });
  }
});

it('Network resets raw TCP that carries a placeholder', async () => {
  let received = '';
  const port = await startTcp((socket) => {
    socket.on('data', (chunk) => {
      received += String(chunk);
      socket.write('ok');
    });
  });
  const { net, placeholder } = await secretNetwork(port);
  const socket = await connectTcp(net, 'db.test', port);
  const answer = readAll(socket);
  socket.write('hello ');
  await expect.poll(() => received, { timeout: 10_000 }).toBe('hello ');
  socket.write(placeholder);
  expect((await answer).error).toBe('ECONNRESET');
  expect(await net.event('secret_leak')).toMatchObject({
    ...{ place: 'tcp', host: 'db.test', reason: 'host_not_listed' },
  });
  expect(received).toBe('hello ');
});
