import { once } from 'node:events';
import { createServer } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { MAX_REPLAY_BYTES } from '../../../src/net/limits.ts';
import { connectHttp2, connectTcp, request } from '../../fixtures/net/clients.ts';
import { listening, startHttp2 } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

afterAll(removeTestCa);

interface Place {
  /** One request on a connection of its own. */
  ask(method: string, body?: string): Promise<{ status: number; body: string }>;
  readonly connections: () => number;
  readonly seen: readonly string[];
}

/** A server that closes each connection, without a word, when a second request comes on it. */
async function place(): Promise<Place> {
  const used = new Set<Socket>();
  const seen: string[] = [];
  const server = createServer((message, response) => {
    if (used.has(message.socket)) {
      message.socket.destroy();
      return;
    }
    used.add(message.socket);
    void echo(message).then((body) => {
      seen.push(`${message.method} ${body.length}`);
      response.end(body);
    });
  });
  const port = await listening(server);
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  return {
    seen,
    connections: () => used.size,
    ask: async (method, body) => {
      const socket = await connectTcp(net, 'api.test', port);
      const headers = { host: `api.test:${port}`, connection: 'close' };
      return request(socket, { method, headers, ...(body === undefined ? {} : { body }) });
    },
  };
}

async function echo(message: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  message.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(message, 'end');
  return Buffer.concat(chunks).toString();
}

it('Network answers three POSTs of three guests whose server closes kept connections', async () => {
  const { ask, seen } = await place();
  for (const body of ['one', 'two', 'three']) {
    expect(await ask('POST', body)).toMatchObject({ status: 200, body });
  }
  // Each was seen once: none was sent twice.
  expect(seen).toEqual(['POST 3', 'POST 3', 'POST 5']);
});

it.each([
  ['GET', undefined],
  ['DELETE', undefined],
  ['PUT', 'x'.repeat(MAX_REPLAY_BYTES / 2)],
])(
  'Network sends %s once more when a kept connection turns out to be closed',
  async (method, body) => {
    const { ask, connections } = await place();
    expect(await ask('GET')).toMatchObject({ status: 200 });
    expect(await ask(method, body)).toMatchObject({ status: 200, body: body ?? '' });
    expect(connections()).toBe(2);
  },
);

it('Network sends a PUT that is too large to be kept on a new connection', async () => {
  const { ask, seen } = await place();
  expect(await ask('GET')).toMatchObject({ status: 200 });
  const body = 'x'.repeat(MAX_REPLAY_BYTES + 1);
  expect(await ask('PUT', body)).toMatchObject({ status: 200, body });
  expect(seen).toEqual(['GET 0', `PUT ${body.length}`]);
});

it('Network asks a server over the connection that it keeps, and names its address in the events', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((message, response) => {
    sockets.add(message.socket);
    response.end('ok');
  });
  const port = await listening(server);
  const net = await createTestNetwork({ allow: [`api.test:${port}`] });
  for (let count = 0; count < 3; count += 1) {
    const socket = await connectTcp(net, 'api.test', port);
    const headers = { host: `api.test:${port}`, connection: 'close' };
    expect((await request(socket, { headers })).status).toBe(200);
  }
  expect(sockets.size).toBe(1);
  const responses = () => net.events.filter(({ kind }) => kind === 'response');
  await expect.poll(() => responses().length).toBe(3);
  for (const event of responses()) expect(event).toMatchObject({ address: '127.0.0.1' });
});

/** Ends the use of a kept connection as its second request comes. */
const REFUSALS = [
  ['refuses the stream', (stream: ServerHttp2Stream) => stream.close(NGHTTP2_REFUSED_STREAM)],
  [
    'says GOAWAY before it',
    (stream: ServerHttp2Stream) => stream.session?.goaway(NGHTTP2_NO_ERROR, 1),
  ],
] as const;

it.each(REFUSALS)(
  'Network sends a POST once more when an HTTP/2 server %s on a kept connection',
  async (_name, refuse) => {
    const seen: string[] = [];
    const sessions = new Set<unknown>();
    const port = await startHttp2('api.test', (stream, headers) => {
      sessions.add(stream.session);
      stream.on('error', () => undefined);
      if (stream.id !== 1) {
        refuse(stream);
        return;
      }
      void echo(stream).then((body) => {
        seen.push(`${headers[':method']} ${body}`);
        stream.respond({ ':status': 200 });
        stream.end();
      });
    });
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const session = await connectHttp2(net, 'api.test', port);
    for (const body of ['one', 'two']) {
      const stream = session.request({ ':method': 'POST', ':path': '/' });
      stream.end(body);
      const [headers] = await once(stream, 'response');
      expect(headers).toMatchObject({ ':status': 200 });
      await once(stream.resume(), 'close');
    }
    expect(seen).toEqual(['POST one', 'POST two']);
    expect(sessions.size).toBe(2);
    expect(net.faults).toEqual([]);
  },
);
