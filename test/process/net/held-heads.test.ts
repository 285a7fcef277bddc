import { once } from 'node:events';
import http2, { type ClientHttp2Session } from 'node:http2';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { MAX_GUEST_H2_STREAMS, MAX_HEAD_BYTES_PER_VM } from '../../../src/net/limits.ts';
import { connectTcp } from '../../fixtures/net/clients.ts';
import { startHttp, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const HEAD_BYTES = 29_000;
const FIELDS = Object.fromEntries(
  ['a', 'b', 'c', 'd'].map((name) => [`x-${name}`, name.repeat(HEAD_BYTES / 4)]),
);

/** A connection whose guest takes no byte of any body. */
async function connectShut(net: TestNetwork): Promise<ClientHttp2Session> {
  const socket = await connectTcp(net, 'denied.test', 80);
  const session = http2.connect('http://denied.test', {
    createConnection: () => socket,
    settings: { initialWindowSize: 0 },
  });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

/** Opens a connection full of requests. @returns Their statuses. */
async function flood(net: TestNetwork): Promise<{ session: ClientHttp2Session; seen: number[] }> {
  const session = await connectShut(net);
  await once(session, 'remoteSettings');
  const answers = Array.from({ length: MAX_GUEST_H2_STREAMS }, async () => {
    const stream = session.request({ ':path': '/', ...FIELDS });
    stream.on('error', () => undefined);
    const [headers] = await once(stream, 'response');
    return Number(headers[':status']);
  });
  return { session, seen: await Promise.all(answers) };
}

it('Network holds no more heads of a guest that takes no answers than its share, with nothing allowed', async () => {
  const net = await createTestNetwork({});
  const sessions: ClientHttp2Session[] = [];
  const seen: number[] = [];
  for (
    let held = 0;
    held < 1.3 * MAX_HEAD_BYTES_PER_VM;
    held += MAX_GUEST_H2_STREAMS * HEAD_BYTES
  ) {
    const next = await flood(net);
    sessions.push(next.session);
    seen.push(...next.seen);
  }
  const refused = seen.filter((status) => status === 403).length;
  expect(refused).toBeGreaterThan(0.9 * (MAX_HEAD_BYTES_PER_VM / HEAD_BYTES));
  expect(refused).toBeLessThanOrEqual(MAX_HEAD_BYTES_PER_VM / HEAD_BYTES);
  expect(seen.filter((status) => status === 503)).toHaveLength(seen.length - refused);
  // What was dismissed is gone; what waits is counted until its stream is closed.
  for (const session of sessions) session.destroy();
  await expect.poll(() => net.openStreams()).toBe(0);
  expect((await flood(net)).seen.every((status) => status === 403)).toBe(true);
  expect(net.faults).toEqual([]);
});

it('Network resets a stream whose guest takes nothing of its answer', async () => {
  const net = await createTestNetwork({ waits: { guestStallMs: 50 } });
  const session = await connectShut(net);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await once(stream, 'close');
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
});

it('Network resets an HTTP/1 guest that takes nothing of its answer', async () => {
  const port = await startHttp((_message, response) => response.end(Buffer.alloc(20_000_000)));
  const net = await createTestNetwork({
    allow: [`api.test:${port}`],
    waits: { guestStallMs: 100 },
  });
  const socket = await connectTcp(net, 'api.test', port);
  socket.write(`GET / HTTP/1.1\r\nHost: api.test:${port}\r\n\r\n`);
  const { error } = await net.event('response');
  expect(error).toBe('the guest closed the connection');
  await expect.poll(() => net.openStreams()).toBe(0);
});

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

it.each([
  ['a window update of nothing', frame(8, 0, 0, Buffer.alloc(4))],
  ['a header block that is no HPACK', frame(1, 5, 3, Buffer.alloc(8, 0xff))],
  ['data on a stream that nobody opened', frame(0, 0, 5, Buffer.from('hi'))],
  ['a frame of a size that is not its own', frame(6, 0, 0, Buffer.alloc(7))],
  ['a continuation of nothing', frame(9, 4, 1, Buffer.alloc(1))],
  ['settings of an impossible window', frame(4, 0, 0, Buffer.from([0, 4, 255, 255, 255, 255]))],
])(
  'Network frees an HTTP/2 connection whose guest sent %s while a request was open',
  async (_name, broken) => {
    const port = await startTcp((socket) => socket.resume());
    const waits = { guestIdleMs: 50, guestStallMs: 50 };
    const net = await createTestNetwork({ allow: [`api.test:${port}`], waits });
    const socket = await connectTcp(net, 'api.test', port);
    socket.resume();
    // :method GET, :scheme http, :path / of the static table, and the authority.
    const authority = `api.test:${port}`;
    const head = Buffer.from([0x82, 0x86, 0x84, 0x41, authority.length, ...Buffer.from(authority)]);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 5, 1, head)]));
    await net.event('connection');
    socket.write(broken);
    socket.once('end', () => socket.end());
    await expect.poll(() => net.openStreams(), { timeout: 5_000 }).toBe(0);
  },
);
