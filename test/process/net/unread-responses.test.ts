import { afterAll, expect, it } from 'vitest';
import { connectTcp, connectTls, readAll } from '../../fixtures/net/clients.ts';
import { startHttp, startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** More than all buffers between a server and a guest that does not read. */
const LARGE_BYTES = 24 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

const get = (host: string, path: string, field = 'Accept: */*') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n\r\n`;

/** A guest that has asked for `/large` and reads nothing. */
async function holdUp(scheme: 'http' | 'https') {
  let sentBytes = 0;
  const start = scheme === 'https' ? startHttps.bind(null, 'api.test') : startHttp;
  const port = await start((message, response) => {
    message.resume();
    if (message.url !== '/large') {
      response.end(`path ${message.url}`);
      return;
    }
    const send = (): void => {
      while (sentBytes < LARGE_BYTES) {
        sentBytes += CHUNK.length;
        if (!response.write(CHUNK)) return;
      }
      response.end();
    };
    response.on('drain', send);
    send();
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const socket = await (scheme === 'https' ? connectTls : connectTcp)(net, 'api.test', port);
  socket.write(get(host, '/large'));
  let seenBytes = 0;
  const isHeldUp = () => {
    const isSame = sentBytes === seenBytes && sentBytes > 0;
    seenBytes = sentBytes;
    return isSame;
  };
  await expect.poll(isHeldUp, { interval: 100, timeout: 10_000 }).toBe(true);
  return { net, host, socket };
}

const SCHEMES = ['http', 'https'] as const;

it.each(SCHEMES)(
  'Network responds to each %s request that a guest sends before it reads the responses',
  async (scheme) => {
    const { net, host, socket } = await holdUp(scheme);
    // Several records of TLS, and each begins within a request.
    const paths = Array.from({ length: 30 }, (_, at) => `/${at}`);
    socket.write(paths.map((path) => get(host, path, `Padding: ${'x'.repeat(2_000)}`)).join(''));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.end();
    const { text, error } = await readAll(socket);
    expect(error).toBeNull();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(Array(31).fill('HTTP/1.1 200'));
    expect(text.match(/path \/\d+/g)).toEqual(paths.map((path) => `path ${path}`));
    await expect.poll(() => net.openStreams(), { timeout: 5_000 }).toBe(0);
  },
);

it.each(SCHEMES)(
  'Network frees an %s connection on which a guest sends no request but more bytes before it reads',
  async (scheme) => {
    const { net, host, socket } = await holdUp(scheme);
    for (const text of [get(host, '/'), 'no request\r\n\r\n', ...Array(8).fill(get(host, '/'))]) {
      socket.write(text);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { text, error } = await readAll(socket);
    socket.end();
    expect(error).toBeNull();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400']);
    await expect.poll(() => net.openStreams(), { timeout: 5_000 }).toBe(0);
  },
);
