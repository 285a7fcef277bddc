import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import type { WaitingTimes } from '../../../src/net/limits.ts';
import { connectHttp2 } from '../../fixtures/net/clients.ts';
import { startHttp2, startRawTls } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** An HTTP/2 frame; the payload in hexadecimal. */
function frame(type: number, flags: number, streamId: number, payload = ''): Buffer {
  const bytes = Buffer.from(payload, 'hex');
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, bytes]);
}

const START = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]);

interface Told {
  readonly net: TestNetwork;
  readonly status: number;
  readonly refused: unknown;
  readonly text: string;
}

async function ask(port: number, waits: Partial<WaitingTimes> = {}): Promise<Told> {
  const net = await createTestNetwork({ allow: [`api.test:${port}`], waits });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  const [headers] = await once(stream, 'response');
  const [text] = await once(stream, 'data');
  const { ':status': status, 'x-gondolin-refused': refused } = headers;
  return { net, status, refused, text: String(text) };
}

const BROKEN = [
  ['no HTTP/2 at all', Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')],
  ['no SETTINGS first', frame(6, 0, 0, '0000000000000000')],
  ['a frame over the limit', Buffer.concat([START, Buffer.from('ffffff000000000000', 'hex')])],
  ['DATA for the connection', Buffer.concat([START, frame(0, 0, 0, '00')])],
  ['broken HPACK', Buffer.concat([START, frame(1, 4, 1, 'ffffffffffff')])],
  ['a push nobody asked for', Buffer.concat([START, frame(5, 4, 1, '0000000288')])],
  ['CONTINUATION of nothing', Buffer.concat([START, frame(9, 4, 1, '88')])],
  [
    'windows beyond 2^31',
    Buffer.concat([START, frame(8, 0, 0, '7fffffff'), frame(8, 0, 0, '7fffffff')]),
  ],
] as const;

it.each(
  BROKEN.flatMap(([what, bytes]) =>
    (['keeps silent', 'ends', 'hangs up later'] as const).map((then) => ({ what, bytes, then })),
  ),
)(
  'Network answers 502 at once when an HTTP/2 server sends $what and $then',
  async ({ bytes, then }) => {
    const port = await startRawTls('h2', (socket) => {
      socket.once('data', () => {
        socket.write(bytes);
        if (then === 'ends') socket.end();
        // By then our GOAWAY is out.
        if (then === 'hangs up later') setTimeout(() => socket.destroy(), 20);
      });
    });
    const { status, refused, text } = await ask(port);
    expect({ status, refused }).toEqual({ status: 502, refused: 'NET_UPSTREAM_INVALID' });
    expect(text).toMatch(/\((?:ERR_HTTP2_ERROR|[A-Z_]+_ERROR)\)/);
  },
);

it.each([
  ['ends', (socket: TLSSocket) => socket.end(START)],
  ['hangs up', (socket: TLSSocket) => socket.destroy()],
  [
    'says GOAWAY',
    (socket: TLSSocket) => socket.write(Buffer.concat([START, frame(7, 0, 0, '000000000000000b')])),
  ],
] as const)('Network answers 502 at once when an HTTP/2 server %s', async (_name, act) => {
  const port = await startRawTls('h2', (socket) => {
    socket.once('data', () => act(socket));
  });
  const { status, refused } = await ask(port);
  expect({ status, refused }).toEqual({ status: 502, refused: 'NET_UPSTREAM_CLOSED' });
});

it('Network gives an HTTP/2 server up that answers pings but not the request, with 504', async () => {
  const port = await startHttp2('api.test', () => undefined);
  const { net, status, refused } = await ask(port, {
    responseStartMs: 500,
    upstreamSilenceMs: 200,
  });
  expect({ status, refused }).toEqual({ status: 504, refused: 'NET_UPSTREAM_TIMEOUT' });
  expect(await net.event('response')).toMatchObject({ statusCode: 504 });
});

it('Network loses an HTTP/2 server that answers no ping, and every request on it', async () => {
  let pings = 0;
  const port = await startRawTls('h2', (socket) => {
    socket.write(START);
    socket.on('data', (bytes) => {
      if (bytes.includes(frame(6, 0, 0, '0000000000000000').subarray(0, 9))) pings += 1;
    });
  });
  const { status, refused } = await ask(port, { upstreamSilenceMs: 100 });
  expect({ status, refused }).toEqual({ status: 504, refused: 'NET_UPSTREAM_TIMEOUT' });
  expect(pings).toBe(1);
});

it('Network waits for an HTTP/2 server that answers pings while it thinks', async () => {
  const port = await startHttp2('api.test', (stream) => {
    setTimeout(() => {
      stream.respond({ ':status': 200 });
      stream.end('thought');
    }, 700);
  });
  expect(await ask(port, { upstreamSilenceMs: 200 })).toMatchObject({
    status: 200,
    text: 'thought',
  });
});

it('Network lets an upload take longer than an answer may', async () => {
  const port = await startHttp2('api.test', (stream) => {
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end('all of it');
    });
  });
  const waits = { responseStartMs: 200 };
  const net = await createTestNetwork({ allow: [`api.test:${port}`], waits });
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':method': 'PUT', ':path': '/' });
  stream.write('half');
  await new Promise((resolve) => setTimeout(resolve, 400));
  stream.end('whole');
  expect((await once(stream, 'response'))[0]).toMatchObject({ ':status': 200 });
});

it.each([
  ['has ended the answer', true],
  ['has not', false],
] as const)(
  'Network gives a slow guest what came before the server ended the connection, which %s',
  async (_name, isWhole) => {
    let sent: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      sent = resolve;
    });
    const piece = 'aa'.repeat(16_000);
    const port = await startRawTls('h2', (socket) => {
      socket.write(START);
      let isAsked = false;
      socket.on('data', (bytes: Buffer) => {
        if (isAsked || !bytes.includes(Buffer.from('00000001', 'hex'))) return;
        isAsked = true;
        // :status 200, then 640,000 bytes of body.
        socket.write(frame(1, 4, 1, '88'));
        for (let count = 1; count <= 40; count += 1) {
          socket.write(frame(0, isWhole && count === 40 ? 1 : 0, 1, piece));
        }
        socket.end(frame(7, 0, 0, '0000000100000000'), sent);
      });
    });
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const session = await connectHttp2(net, 'api.test', port);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 200));
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    if (!stream.destroyed) await once(stream, 'close');
    if (isWhole) expect({ bytes, code: stream.rstCode }).toEqual({ bytes: 640_000, code: 0 });
    else expect(stream.rstCode).not.toBe(0);
  },
);
