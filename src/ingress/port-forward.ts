import { once, setMaxListeners } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { formatPlace } from '../address/format-place.ts';
import type { GuestConnect } from './guest-connect.ts';
import { type ListenPlace, listenOn } from './listen.ts';
import { relay, resetStream } from './relay.ts';

/** Most open connections of one forwarded port. Further ones are closed as they arrive. */
const MAX_CONNECTIONS = 256;
const KEEP_ALIVE_MS = 60_000;

export interface PortForwardOptions extends ListenPlace {
  /** Port of the server in the guest. */
  readonly guestPort: number;
  readonly connect: GuestConnect;
}

/**
 * A port of this machine whose connections go to a server in the guest.
 *
 * @example
 * const { url, close }: ExposedPort = await vm.expose(8000);
 * const page = await fetch(url);
 * await close();
 */
export interface ExposedPort {
  /** Address of this machine. */
  readonly host: string;
  /** Port of this machine. */
  readonly port: number;
  /** `http://HOST:PORT`, for a server that speaks HTTP. */
  readonly url: string;
  /** Port of the server in the guest. */
  readonly guestPort: number;
  /** Stops listening and resets open connections. May be called twice. */
  close(): Promise<void>;
}

/** Passes a client's connection to the guest. Where nothing listens, the client's connection is reset, as Docker does it. */
async function serve(
  client: Socket,
  { connect, guestPort }: PortForwardOptions,
  signal: AbortSignal,
): Promise<void> {
  // A VM that has ended has no server either.
  const server = await connect(guestPort, { signal }).catch(() => null);
  if (server === null) resetStream(client);
  else relay(client, server);
}

/** Stops a server and ends its connections. */
export async function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const closed = server.listening ? once(server, 'close') : null;
  if (closed !== null) server.close();
  for (const socket of sockets) resetStream(socket);
  await closed;
}

/**
 * Listens on a port of this machine and carries its connections to a server in the guest.
 * @throws {GondolinError} INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED.
 */
export async function forwardPort(options: PortForwardOptions): Promise<ExposedPort> {
  const { host, guestPort } = options;
  const sockets = new Set<Socket>();
  const closing = new AbortController();
  // Each connection that is being made listens to it.
  setMaxListeners(MAX_CONNECTIONS, closing.signal);
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (client: Socket) => {
    sockets.add(client);
    client.once('close', () => sockets.delete(client));
    // Until the relay listens: a client may leave while the guest is dialled.
    client.on('error', () => undefined);
    void serve(client, options, closing.signal);
  });
  const port = await listenOn(server, options);
  let closed: Promise<void> | undefined;
  return {
    host,
    port,
    url: `http://${formatPlace({ host, port })}`,
    guestPort,
    close: () => {
      closing.abort();
      closed ??= closeServer(server, sockets);
      return closed;
    },
  };
}
