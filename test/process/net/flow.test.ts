import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { afterAll, expect, it } from 'vitest';
import { connectHttp2, connectTcp, connectTls, request } from '../../fixtures/net/clients.ts';
import { startHttp, startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const MIB = 1024 * 1024;
/** What the streams of both programs and of the network may hold when one of them stops: half of all that is sent. */
const IN_FLIGHT_BYTES = 24 * MIB;
const CHUNK = Buffer.alloc(65_536, 'abcdefg');

/** Writes until the stream has taken `total` bytes; `written` can be watched. */
function pump(stream: NodeJS.WritableStream, total: number, written: { bytes: number }): void {
  while (written.bytes < total) {
    written.bytes += CHUNK.length;
    if (!stream.write(CHUNK)) {
      stream.once('drain', () => pump(stream, total, written));
      return;
    }
  }
  stream.end();
}

/** Resolves when the count has not moved for five looks. */
async function standstill(written: { readonly bytes: number }): Promise<number> {
  for (let still = 0, last = -1; still < 5; last = written.bytes) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    still = written.bytes === last ? still + 1 : 0;
  }
  return written.bytes;
}

/** Bytes that the kernel holds between the server on `port` and its clients: it decides by itself how many that are. */
function bytesInKernel(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', remote = '']) => [local, remote].some((end) => end.endsWith(`:${hex}`)))
    .flatMap(([, , , , queues = '']) =>
      queues.split(':').map((bytes) => Number.parseInt(bytes, 16)),
    )
    .filter((bytes) => !Number.isNaN(bytes))
    .reduce((sum, bytes) => sum + bytes, 0);
}

it('Network holds a server back whose guest does not read, and loses nothing', async () => {
  const written = { bytes: 0 };
  const port = await startHttps('api.test', (_message, response) =>
    pump(response, 48 * MIB, written),
  );
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTls(net, 'api.test', port);
  const made = http.get({ createConnection: () => socket, headers: { host: `api.test:${port}` } });
  const [message] = (await once(made, 'response')) as [http.IncomingMessage];
  message.pause();
  expect((await standstill(written)) - bytesInKernel(port)).toBeLessThan(IN_FLIGHT_BYTES);
  const hash = createHash('sha256');
  let received = 0;
  for await (const chunk of message) {
    received += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
  }
  const expected = createHash('sha256');
  for (let bytes = 0; bytes < 48 * MIB; bytes += CHUNK.length) expected.update(CHUNK);
  expect(received).toBe(48 * MIB);
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
});

it('Network holds a guest back whose server does not read, and loses nothing', async () => {
  let received = 0;
  let read: () => void = () => undefined;
  const port = await startHttps('api.test', (message, response) => {
    read = () => {
      message.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      message.on('end', () => response.end('done'));
    };
  });
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  const socket = await connectTls(net, 'api.test', port);
  const made = http.request({
    createConnection: () => socket,
    method: 'PUT',
    headers: { host: `api.test:${port}`, 'content-length': String(48 * MIB) },
  });
  const written = { bytes: 0 };
  pump(made, 48 * MIB, written);
  const answered = once(made, 'response');
  expect((await standstill(written)) - bytesInKernel(port)).toBeLessThan(IN_FLIGHT_BYTES);
  read();
  const [message] = (await answered) as [http.IncomingMessage];
  expect(message.statusCode).toBe(200);
  message.resume();
  expect(received).toBe(48 * MIB);
});

it('Network serves 300 connections at once and lets go of all', async () => {
  const port = await startHttp((message, response) => {
    setTimeout(() => response.end(message.url), 20);
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const one = async (path: string): Promise<string> => {
    const socket = await connectTcp(net, 'api.test', port);
    const { body } = await request(socket, { path, headers: { host, connection: 'close' } });
    return body;
  };
  const paths = Array.from({ length: 300 }, (_, index) => `/${index}`);
  expect(await Promise.all(paths.map(one))).toEqual(paths);
  await expect.poll(() => net.openStreams(), { timeout: 10_000 }).toBe(0);
});

it('Network lets go of TLS connections that guests end in order or break off', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('ok'));
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  const ended = await connectTls(net, 'api.test', port);
  expect((await request(ended, { headers: { host } })).body).toBe('ok');
  ended.end();
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  stream.resume();
  await once(stream, 'end');
  session.close();
  const broken = await connectTls(net, 'api.test', port);
  broken.destroy();
  const early = await connectTcp(net, 'api.test', port);
  early.end('\x16\x03\x01');
  early.resume();
  const garbled = await connectTls(net, 'api.test', port);
  await request(garbled, { headers: { host } });
  await expect.poll(() => net.openStreams(), { timeout: 10_000 }).toBe(1);
  const end = await net.event('connection_end');
  expect(end).toMatchObject({ host: 'api.test', transport: 'https', receivedBytes: 2 });
  garbled.destroy();
  await expect.poll(() => net.openStreams(), { timeout: 10_000 }).toBe(0);
});
