import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { forwardPort } from '../../../src/ingress/port-forward.ts';
import { ROOT, TSX } from '../../fixtures/cli/run-cli.ts';
import { loopbackGuest } from '../../fixtures/ingress/loopback-guest.ts';
import { freePort } from '../../fixtures/net/free-port.ts';
import { listening, startTcp } from '../../fixtures/net/servers.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

async function forward(guestPort: number, place: { host: string; port: number } = LOOPBACK) {
  const exposed = await forwardPort({ ...place, guestPort, connect: loopbackGuest() });
  onTestFinished(() => exposed.close());
  return exposed;
}

function dial(port: number, host = '127.0.0.1'): Socket {
  const socket = connect({ port, host, allowHalfOpen: true });
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** Reads to the end, and leaves the other direction open. */
async function readText(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'end');
  return text;
}

it('forwardPort() carries a request that ends before the response begins', async () => {
  const server = await startTcp((socket) => {
    void readText(socket).then((text) => socket.end(text.toUpperCase()));
  });
  const { host, port, url, guestPort } = await forward(server);
  expect({ host, url, guestPort }).toEqual({
    host: '127.0.0.1',
    url: `http://127.0.0.1:${port}`,
    guestPort: server,
  });
  const client = dial(port);
  client.end('half');
  expect(await readText(client)).toBe('HALF');
});

it('forwardPort() carries a response after which the client still sends', async () => {
  const received = new Promise<string>((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.end('bye');
      readText(socket).then(resolve, reject);
    });
    void listening(server).then(async (port) => {
      const client = dial((await forward(port)).port);
      client.resume();
      await once(client, 'end');
      client.end('late');
    });
  });
  expect(await received).toBe('late');
});

it('forwardPort() carries 64 MiB each way at the same time, by checksum', async () => {
  const size = 64 * 2 ** 20;
  const server = await startTcp((socket) => socket.pipe(socket));
  const client = dial((await forward(server)).port);
  const sent = createHash('sha256');
  const received = createHash('sha256');
  client.on('data', (chunk) => received.update(chunk));
  const block = Buffer.alloc(2 ** 20);
  for (let index = 0; index < size / block.length; index++) {
    block.writeUInt32LE(index);
    const copy = Buffer.from(block);
    sent.update(copy);
    if (!client.write(copy)) await once(client, 'drain');
  }
  client.end();
  await once(client, 'end');
  expect(received.digest('hex')).toBe(sent.digest('hex'));
});

it('forwardPort() reads from a client no faster than the server takes it', async () => {
  const size = 32 * 2 ** 20;
  let receivedBytes = 0;
  let mostHeld = 0;
  const slow = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      receivedBytes += chunk.length;
      mostHeld = Math.max(mostHeld, this.writableLength);
      setImmediate(done);
    },
  });
  const exposed = await forwardPort({ ...LOOPBACK, guestPort: 1, connect: async () => slow });
  onTestFinished(() => exposed.close());
  dial(exposed.port).end(Buffer.alloc(size));
  await once(slow, 'finish');
  expect(receivedBytes).toBe(size);
  expect(mostHeld).toBeLessThan(2 ** 20);
});

it('forwardPort() resets a connection to a port where nothing listens', async () => {
  const client = dial((await forward(await freePort())).port);
  const [error] = await once(client, 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});

it('forwardPort() resets the client when the server resets', async () => {
  const server = await startTcp((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  const client = dial((await forward(server)).port);
  client.write('x');
  const [error] = await once(client, 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});

it('forwardPort() serves 200 connections at once', async () => {
  const server = await startTcp((socket) => socket.pipe(socket));
  const { port } = await forward(server);
  const clients = Array.from({ length: 200 }, () => dial(port));
  const texts = await Promise.all(
    clients.map((client, index) => {
      client.end(String(index));
      return readText(client);
    }),
  );
  expect(texts).toEqual(clients.map((_, index) => String(index)));
});

it('forwardPort() listens on IPv6 too', async () => {
  const server = await startTcp((socket) => socket.end('six'));
  const exposed = await forward(server, { host: '::1', port: 0 });
  expect(exposed.url).toBe(`http://[::1]:${exposed.port}`);
  expect(await readText(dial(exposed.port, '::1'))).toBe('six');
});

it('forwardPort() names a port that is in use', async () => {
  const taken = await startTcp(() => undefined);
  const error = await forward(1, { host: '127.0.0.1', port: taken }).catch((cause) => cause);
  expect(error).toMatchObject({
    code: 'INGRESS_PORT_IN_USE',
    message: expect.stringContaining(`127.0.0.1:${taken}`),
  });
  expect(error.details).toEqual({ host: '127.0.0.1', port: taken, errno: 'EADDRINUSE' });
});

it('forwardPort() names an address that is not of this machine', async () => {
  await expect(forward(1, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
    code: 'INGRESS_LISTEN_FAILED',
    message: expect.stringContaining('192.0.2.1'),
  });
});

it('ExposedPort.close() ends open connections and refuses new ones', async () => {
  const server = await startTcp((socket) => socket.pipe(socket));
  const exposed = await forward(server);
  const client = dial(exposed.port);
  client.write('x');
  await once(client, 'data');
  const ended = once(client, 'error');
  await Promise.all([exposed.close(), exposed.close()]);
  expect((await ended)[0]).toMatchObject({ code: 'ECONNRESET' });
  const [refused] = await once(dial(exposed.port), 'error');
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
});

it('an exposed port and a gateway do not keep Node running', async () => {
  const from = (path: string) => JSON.stringify(join(ROOT, 'src/ingress', path));
  const program = `
    import { forwardPort } from ${from('port-forward.ts')};
    import { openGateway } from ${from('http/open-gateway.ts')};
    const place = { host: '127.0.0.1', port: 0 };
    const connect = async () => null;
    await forwardPort({ ...place, guestPort: 1, connect });
    await openGateway({}, { connect, routes: null, log: () => undefined });
    process.stdout.write('open');`;
  const args = ['--import', TSX, '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  expect(stdout).toBe('open');
});
