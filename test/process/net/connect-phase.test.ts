import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import { DIAL_MS, SPARE_CONNECTION_MS } from '../../../src/net/limits.ts';
import { startFullListener } from '../../fixtures/net/full-listener.ts';
import { startHttp, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** A program's connection as the mux gives it: its connect() waits until somebody reads or writes it. */
class WaitingStream extends Duplex {
  isAccepted = false;
  /** `connected`, or the code that connect() fails with. */
  readonly outcome: Promise<string>;
  readonly sent: Buffer[] = [];
  #settle: (outcome: string) => void = () => undefined;

  constructor() {
    super({ allowHalfOpen: true });
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.on('error', () => undefined);
  }

  #accept(): void {
    this.isAccepted = true;
    this.#settle('connected');
  }

  override _read(): void {
    this.#accept();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#accept();
    this.sent.push(chunk);
    this.emit('sent');
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const code = error !== null && 'code' in error ? String(error.code) : 'refused';
    this.#settle(code);
    done(error);
  }
}

async function connectTo(net: TestNetwork, name: string, port: number): Promise<WaitingStream> {
  const stream = new WaitingStream();
  net.network.accept(stream, { address: await net.addressOf(name), port });
  return stream;
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

it('a closed port of an allowed host is refused, for raw TCP and for HTTP, and the event says why', async () => {
  const port = await closedPort();
  const net = await createTestNetwork({ allow: [`db.test:${port}/tcp`, `web.test:${port}`] });
  for (const name of ['db.test', 'web.test']) {
    expect(await (await connectTo(net, name, port)).outcome).toBe('ECONNREFUSED');
    const end = await net.event('connection_end', ({ host }) => host === name);
    expect(end.error).toContain('cannot connect');
  }
});

it('an open port is connected once its server is, for raw TCP and for HTTP', async () => {
  const raw = await startTcp((socket) => socket.end('banner'));
  const web = await startHttp((_request, response) => response.end('web'));
  const net = await createTestNetwork({ allow: [`db.test:${raw}/tcp`, `web.test:${web}`] });
  const db = await connectTo(net, 'db.test', raw);
  expect(await db.outcome).toBe('connected');
  expect(await (await connectTo(net, 'web.test', web)).outcome).toBe('connected');
});

it('a port that does not answer times out', async () => {
  const full = await startFullListener();
  onTestFinished(() => full.stop());
  const net = await createTestNetwork({ allow: [`db.test:${full.port}/tcp`] });
  // All code is loaded before the clock stops.
  await (await connectTo(net, 'no.test', 5432)).outcome;
  const timer = vi.spyOn(globalThis, 'setTimeout');
  const stream = await connectTo(net, 'db.test', full.port);
  await vi.waitFor(() => expect(timer.mock.calls.some(([, ms]) => ms === DIAL_MS)).toBe(true));
  const fire = timer.mock.calls.find(([, ms]) => ms === DIAL_MS)?.[0];
  timer.mockRestore();
  fire?.();
  expect(await stream.outcome).toBe('ETIMEDOUT');
});

it('of several addresses that fail in several ways the connect() tells what somebody answered', async () => {
  const port = await closedPort();
  const net = await createTestNetwork({
    allow: [`db.test:${port}/tcp`],
    resolve: async () => ['127.0.0.2', '127.0.0.1'],
  });
  expect(await (await connectTo(net, 'db.test', port)).outcome).toBe('ECONNREFUSED');
});

it('a name that the host cannot resolve is unreachable for raw TCP, and told in words for HTTP', async () => {
  const net = await createTestNetwork({
    allow: ['db.test:5432/tcp', 'web.test:8080'],
    resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
  });
  expect(await (await connectTo(net, 'db.test', 5432)).outcome).toBe('EHOSTUNREACH');
  expect(await (await connectTo(net, 'web.test', 8080)).outcome).toBe('connected');
});

it('a denied connection is refused where no HTTP is spoken, and connected where it may be', async () => {
  const net = await createTestNetwork({ allow: ['db.test:9999/tcp'] });
  for (const port of [5432, 9999]) {
    expect(await (await connectTo(net, 'no.test', port)).outcome).toBe('refused');
    const blocked = await net.event('blocked', (event) => event.port === port);
    expect(blocked.suggestion).toBe(`allowed_hosts: ["no.test:${port}/tcp"]`);
  }
  for (const port of [80, 443, 8081]) {
    expect(await (await connectTo(net, 'no.test', port)).outcome).toBe('connected');
  }
});

it('a refused address is told in words for HTTP', async () => {
  const port = await closedPort();
  const net = await createTestNetwork({
    allow: [`web.test:${port}`],
    policy: { allowedPrivate: [] },
  });
  expect(await (await connectTo(net, 'web.test', port)).outcome).toBe('connected');
});

it('where a hook may answer no server is asked first', async () => {
  const port = await closedPort();
  const net = await createTestNetwork({
    allow: [`web.test:${port}`],
    hooks: { onRequest: () => new Response('made up') },
  });
  expect(await (await connectTo(net, 'web.test', port)).outcome).toBe('connected');
});

it('the first request takes the connection by which the server was found', async () => {
  const sockets: Socket[] = [];
  const port = await startHttp((request, response) => {
    if (!sockets.includes(request.socket)) sockets.push(request.socket);
    response.end('answer');
  });
  const net = await createTestNetwork({ allow: [`web.test:${port}`] });
  const streams = [await connectTo(net, 'web.test', port), await connectTo(net, 'web.test', port)];
  for (const stream of streams) {
    expect(await stream.outcome).toBe('connected');
    stream.push(`GET / HTTP/1.1\r\nHost: web.test:${port}\r\n\r\n`);
    await vi.waitFor(() => expect(String(Buffer.concat(stream.sent))).toContain('answer'));
  }
  expect(sockets).toHaveLength(1);
});

it('many connections at once to one server find it by one dial', async () => {
  let accepted = 0;
  const port = await startTcp(() => {
    accepted += 1;
  });
  const net = await createTestNetwork({ allow: [`web.test:${port}`] });
  const streams = await Promise.all(
    Array.from({ length: 20 }, () => connectTo(net, 'web.test', port)),
  );
  for (const stream of streams) expect(await stream.outcome).toBe('connected');
  expect(accepted).toBe(1);
});

it("a connection that nobody takes ends with the guest's, or after a while", async () => {
  const closed: Promise<unknown>[] = [];
  const port = await startTcp((socket) => {
    closed.push(once(socket.resume(), 'end'));
  });
  const net = await createTestNetwork({ allow: [`web.test:${port}`] });
  const leaving = await connectTo(net, 'web.test', port);
  await leaving.outcome;
  await vi.waitFor(() => expect(closed).toHaveLength(1));
  leaving.destroy();
  await closed[0];
  const timer = vi.spyOn(globalThis, 'setTimeout');
  await (await connectTo(net, 'web.test', port)).outcome;
  const fire = timer.mock.calls.find(([, ms]) => ms === SPARE_CONNECTION_MS)?.[0];
  timer.mockRestore();
  fire?.();
  await vi.waitFor(() => expect(closed).toHaveLength(2));
  await closed[1];
});

it.each([
  ['once', 'connected'],
  ['never', 'refused'],
] as const)(
  'Network holds connect() on a port of raw TCP until the answer %s',
  async (answer, outcome) => {
    const port = await startTcp((socket) => socket.write('220 ready\n'));
    const asked: string[] = [];
    const net = await createTestNetwork({
      // The port is known for raw TCP by this entry.
      allow: [`other.test:${port}/tcp`],
      onAsk: async ({ host, scheme }) => {
        asked.push(`${scheme} ${host} ${stream.isAccepted}`);
        return answer;
      },
    });
    const stream = await connectTo(net, 'db.test', port);
    expect(await stream.outcome).toBe(outcome);
    expect(asked).toEqual(['tcp db.test false']);
  },
);
