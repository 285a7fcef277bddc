import { connect } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { InternalHost } from '../../../src/net/internal-host.ts';
import { connectTcp, exchangeBytes, readAll } from '../../fixtures/net/clients.ts';
import { startTcp } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** A host `db` whose connections lead to a port of this process, whatever the port asked for. */
function internal(port: number, given: Partial<InternalHost> = {}): InternalHost {
  return {
    name: 'db',
    rule: 'depends_on: "db"',
    ports: null,
    connect: async () => connect({ host: '127.0.0.1', port, allowHalfOpen: true }),
    ...given,
  };
}

/** Nothing is looked up or dialled for an internal host. */
const options = {
  resolve: async (name: string): Promise<string[]> => {
    throw new Error(`looked ${name} up`);
  },
  policy: { allowedPrivate: [] },
};

const echo = () => startTcp((socket) => socket.once('data', (chunk) => socket.end(`got ${chunk}`)));

it('Network carries a connection to an internal host on any port, and tells the audit', async () => {
  const net = await createTestNetwork({ ...options, internalHosts: [internal(await echo())] });
  const socket = await connectTcp(net, 'db', 5432);
  const answer = readAll(socket);
  socket.end('hello');
  expect((await answer).text).toBe('got hello');
  expect(await net.event('connection_end')).toMatchObject({
    host: 'db',
    port: 5432,
    transport: 'tcp',
    sentBytes: 5,
    error: null,
  });
});

it.each([
  [80, 'GET / HTTP/1.1\r\nhost: db\r\n\r\n'],
  [443, '\u0016\u0003\u0001 not judged'],
])('Network carries it unread on port %i too', async (port, bytes) => {
  const net = await createTestNetwork({ ...options, internalHosts: [internal(await echo())] });
  expect((await exchangeBytes(net, 'db', port, bytes)).text).toBe(`got ${bytes}`);
});

it('Network hears an internal host that speaks first', async () => {
  const port = await startTcp((socket) => socket.end('220 ready\r\n'));
  const net = await createTestNetwork({ ...options, internalHosts: [internal(port)] });
  const socket = await connectTcp(net, 'db', 25);
  expect((await readAll(socket)).text).toBe('220 ready\r\n');
});

it('Network refuses ports of an internal host that are not listed, in mode open too', async () => {
  const host = internal(await echo(), { ports: [5432] });
  const net = await createTestNetwork({
    ...options,
    policy: { mode: 'open', allowedPrivate: [] },
    internalHosts: [host],
  });
  expect((await exchangeBytes(net, 'db', 5432, 'a')).text).toBe('got a');
  expect((await exchangeBytes(net, 'db', 6379, 'a')).error).toBe('ECONNRESET');
  expect(await net.event('blocked')).toMatchObject({ host: 'db', port: 6379 });
});

it('Network refuses an internal host that denied_hosts names', async () => {
  const net = await createTestNetwork({
    ...options,
    policy: { deniedHosts: ['db'], allowedPrivate: [] },
    internalHosts: [internal(await echo())],
  });
  expect((await exchangeBytes(net, 'db', 5432, 'a')).error).toBe('ECONNRESET');
});

it('Network ends a connection to an internal host where nothing listens, with the reason', async () => {
  const failed = new GondolinError('NET_DIAL_FAILED', 'cannot connect to port 1 of sandbox db');
  const net = await createTestNetwork({
    ...options,
    internalHosts: [internal(0, { connect: () => Promise.reject(failed) })],
  });
  expect((await exchangeBytes(net, 'db', 1, 'a')).error).toBe('ECONNRESET');
  expect(net.faults).toEqual([]);
  expect((await net.event('connection_end')).error).not.toBeNull();
});
