import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { formatPlace } from '../../address/format-place.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestConnect } from '../guest-connect.ts';
import type { IngressGateway, IngressOptions } from '../ingress-options.ts';
import { listenOn } from '../listen.ts';
import { closeServer } from '../port-forward.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { serveExchange } from './exchange.ts';
import { type GatewaySettings, MAX_HEAD_BYTES } from './gateway-settings.ts';
import { refuse } from './refuse.ts';
import { hasBody, isWebSocketHandshake } from './route-request.ts';
import { ServerDialer } from './server-dialer.ts';

/** Most open connections of clients; further ones are closed as they arrive. */
const MAX_CONNECTIONS = 512;
/** Most requests at once, open WebSockets included; a further one gets a 503. */
const MAX_REQUESTS = 256;
const HEAD_LIMIT_MS = 60_000;
const DEFAULTS = {
  listenHost: '127.0.0.1',
  listenPort: 0,
  hooks: {},
  allowWebSockets: true,
  bufferResponseBody: false,
  maxBufferedResponseBodyBytes: 2 * 2 ** 20,
  serverStartTimeoutMs: 30_000,
  responseTimeoutMs: 300_000,
} as const satisfies Required<IngressOptions>;

/** The guest that a gateway leads to. */
export interface IngressGuest {
  readonly connect: GuestConnect;
  readonly routes: RouteTable;
  /** Receives one line for each failed request. */
  readonly log: (message: string) => void;
}

/** Counts requests, and serves those for which there is room. */
class Admission {
  readonly #settings: GatewaySettings;
  #open = 0;

  constructor(settings: GatewaySettings) {
    this.#settings = settings;
  }

  /** `connection` is what the request holds until it closes: its response, or the connection of a handshake. */
  serve(
    message: IncomingMessage,
    response: ServerResponse,
    handshake: { readonly socket: Socket; readonly head: Buffer } | null,
  ): void {
    if (this.#open >= MAX_REQUESTS) {
      refuse(response, new GondolinError('INGRESS_BUSY', `${MAX_REQUESTS} requests are open`));
      return;
    }
    this.#open += 1;
    (handshake?.socket ?? response).once('close', () => {
      this.#open -= 1;
    });
    void serveExchange(message, response, handshake, this.#settings);
  }
}

/**
 * Serves a request whose connection Node has handed over because it asks for another protocol. A WebSocket handshake may switch;
 * any other request is served as if it had not asked, which HTTP allows.
 */
function serveUpgrade(message: IncomingMessage, socket: Socket, head: Buffer, to: Admission): void {
  socket.on('error', () => undefined);
  const response = new ServerResponse(message);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  // After a response other than 101 the connection is of no use; after 101 it is no longer that of the response.
  response.once('finish', () => {
    // Node 26 gives a stream around the socket when the request has a body, and that has no `destroySoon`.
    if (response.statusCode !== 101) socket.end(() => socket.destroy());
  });
  if (hasBody(message)) {
    const problem = 'a request with a body cannot ask for another protocol';
    refuse(response, new GondolinError('INGRESS_REQUEST_INVALID', problem));
    return;
  }
  to.serve(message, response, isWebSocketHandshake(message) ? { socket, head } : null);
}

function createGateway(settings: GatewaySettings): Server {
  const admission = new Admission(settings);
  const server = createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: HEAD_LIMIT_MS,
    // An upload may take as long as it takes.
    requestTimeout: 0,
    noDelay: true,
  });
  server.maxConnections = MAX_CONNECTIONS;
  const serve = (message: IncomingMessage, response: ServerResponse) =>
    admission.serve(message, response, null);
  server.on('request', serve);
  // The expectation is passed on: the server in the guest decides.
  server.on('checkContinue', serve);
  server.on('upgrade', (message: IncomingMessage, socket: Socket, head: Buffer) =>
    serveUpgrade(message, socket, head, admission),
  );
  return server;
}

/**
 * Opens an HTTP gateway on this machine that leads to the servers of a guest by the routes in its routes file.
 * @throws {GondolinError} INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED.
 */
export async function openGateway(
  options: IngressOptions,
  { connect, routes, log }: IngressGuest,
): Promise<IngressGateway> {
  const { listenHost: host, listenPort, ...rest } = { ...DEFAULTS, ...options };
  const { serverStartTimeoutMs, ...exchange } = rest;
  const dialer = new ServerDialer(connect, serverStartTimeoutMs);
  const server = createGateway({ ...exchange, dialer, routes, log });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listenOn(server, { host, port: listenPort });
  let closed: Promise<void> | undefined;
  return {
    host,
    port,
    url: `http://${formatPlace({ host, port })}`,
    close: () => {
      closed ??= closeServer(server, sockets);
      return closed;
    },
  };
}
