import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { serverCa } from '../../fixtures/net/test-network.ts';
import { echoBack } from './echo-back.ts';

/** Servers that the policy allows. Each remembers every byte that came to it, after TLS. */
export interface Spies {
  /** Name → loopback port. */
  readonly ports: Readonly<Record<SpyName, number>>;
  /** What one has received since the last `clear`. */
  received(name: SpyName): string;
  /** What all have received. */
  all(): string;
  clear(): void;
  close(): Promise<void>;
}

export const SPY_NAMES = [
  'api.test',
  'other.test',
  'plain.test',
  'h2.test',
  'db.test',
  'pin.test',
] as const;
export type SpyName = (typeof SPY_NAMES)[number];

function answerPlainly(message: IncomingMessage, response: http.ServerResponse): void {
  // Not before its end: an early answer would end the sending of a body, and no leak be looked for.
  message.on('end', () => response.end(`hello from ${message.headers.host}\n`)).resume();
}

/** A listener that serves WebSocket echo, with the credentials of the request as greeting. */
function serveWebSocket(server: https.Server): void {
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, message) => {
    socket.on('error', () => undefined);
    socket.send(`you are ${message.headers.authorization}`);
    socket.on('message', (data) => {
      socket.send(data);
      socket.close(1000, String(message.headers.authorization).slice(0, 100));
    });
  });
}

export async function startSpies(): Promise<Spies> {
  const seen = new Map<SpyName, Buffer[]>();
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const ports = {} as Record<SpyName, number>;
  const note = (name: SpyName, bytes: Buffer | string): void => {
    seen.set(name, [...(seen.get(name) ?? []), Buffer.from(bytes)]);
  };
  const start = async (name: SpyName, server: Server, tapped: string | null): Promise<void> => {
    server.on('connection', (socket: Socket) => {
      open.add(socket);
      socket.on('error', () => undefined).once('close', () => open.delete(socket));
    });
    if (tapped !== null) {
      server.on(tapped, (socket: Socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (bytes: Buffer) => note(name, bytes));
      });
    }
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    ports[name] = (server.address() as AddressInfo).port;
  };
  const secure = (name: SpyName, listener: RequestListener) =>
    https.createServer(serverCa.issue(name), listener);
  const api = secure('api.test', echoBack);
  serveWebSocket(api);
  await start('api.test', api, 'secureConnection');
  await start('other.test', secure('other.test', answerPlainly), 'secureConnection');
  await start('pin.test', secure('pin.test', answerPlainly), 'secureConnection');
  await start('plain.test', http.createServer(answerPlainly), 'connection');
  await start(
    'db.test',
    net.createServer((socket) => {
      socket.write('db ready\n');
      socket.on('data', (bytes) => socket.write(bytes));
    }),
    'connection',
  );
  const second = http2.createSecureServer(serverCa.issue('h2.test'));
  second.on('stream', (stream, headers) => {
    note('h2.test', `${JSON.stringify(headers)}\n`);
    stream.on('data', (bytes: Buffer) => note('h2.test', bytes)).on('error', () => undefined);
    stream.on('trailers', (trailers) => note('h2.test', JSON.stringify(trailers)));
    stream.respond({ ':status': 200, 'x-echo': String(headers.authorization) });
    stream.end(`h2 says ${headers.authorization}\n`);
  });
  await start('h2.test', second as unknown as Server, null);
  const received = (name: SpyName) => Buffer.concat(seen.get(name) ?? []).toString('latin1');
  return {
    ports,
    received,
    all: () => SPY_NAMES.map(received).join('\n'),
    clear: () => seen.clear(),
    async close() {
      for (const socket of open) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    },
  };
}
