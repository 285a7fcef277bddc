import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES } from '../../limits.ts';
import type { HttpServices } from '../exchange/http-services.ts';
import type { ServeRequest } from '../exchange/serve-request.ts';
import type { RequestContext } from '../request-context.ts';
import { GuestHttp1Connection } from './guest-http1-connection.ts';
import { Http1Message } from './http1-message.ts';
import { Http1Request } from './http1-request.ts';
import { Http1Response } from './http1-response.ts';
import { WebSocketTunnel } from './websocket-tunnel.ts';

/** Longest time between two of Node's checks for late heads. */
const MAX_LATE_CHECK_MS = 5_000;

/** HTTP/1 with guests: Node's server, which never listens and is fed with streams. */
export class GuestHttp1 {
  readonly #services: Pick<HttpServices, 'waits' | 'fault'>;
  readonly #serveRequest: ServeRequest;
  readonly #server: Server;
  readonly #connections = new WeakMap<Duplex, GuestHttp1Connection>();

  constructor(services: Pick<HttpServices, 'waits' | 'fault'>, serveRequest: ServeRequest) {
    const { guestHeadMs, guestIdleMs } = services.waits;
    this.#services = services;
    this.#serveRequest = serveRequest;
    const connections = this.#connections;
    this.#server = createServer({
      IncomingMessage: class extends Http1Message {
        protected override mayLeave(stream: Duplex): boolean {
          return connections.get(stream)?.mayLeave === true;
        }
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      headersTimeout: guestHeadMs,
      connectionsCheckingInterval: Math.min(Math.ceil(guestHeadMs / 4), MAX_LATE_CHECK_MS),
      // For the `Keep-Alive` field. The connection keeps the time itself: in Node only sockets have a clock.
      keepAliveTimeout: guestIdleMs,
      requestTimeout: 0,
    });
    // The size is bounded in bytes; a silent cut of the list would hide fields from the checks.
    this.#server.maxHeadersCount = 0;
    // A guest may end its half after its request and still gets its response; Node has no option for that.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    const respond =
      (expectsContinue: boolean): RequestListener =>
      (request, response) =>
        this.#guarded(request.socket, (connection) =>
          this.#respond(connection, request, response, expectsContinue),
        );
    this.#server
      .on('request', respond(false))
      .on('checkContinue', respond(true))
      // One that is not known may be ignored (RFC 9110 §10.1.1); Node's own 417 would be unjudged.
      .on('checkExpectation', respond(false))
      .on('upgrade', (request, socket, head) =>
        this.#guarded(socket, (connection) => this.#leaveHttp(connection, request, socket, head)),
      )
      .on('clientError', (error, socket) =>
        this.#guarded(socket, (connection) => refuseBytes(connection, error)),
      )
      .on('timeout', () => undefined);
    // Node's clock for heads starts when a server listens.
    this.#server.emit('listening');
  }

  /** Serves a stream (the TLS socket, or `raw` itself) until it ends. */
  serve(stream: Duplex, raw: Duplex, context: RequestContext): void {
    const { waits, fault } = this.#services;
    const connection = new GuestHttp1Connection(stream, raw, context, { waits, fault });
    this.#connections.set(stream, connection);
    connection.guard(() => {
      this.#server.emit('connection', stream);
      readByEvents(stream);
    })();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Every way into this class from Node: a throw ends the connection, not the process. */
  #guarded(stream: Duplex, serve: (connection: GuestHttp1Connection) => void): void {
    const connection = this.#connections.get(stream);
    if (connection === undefined) stream.destroy();
    else connection.guard(serve)(connection);
  }

  #respond(
    connection: GuestHttp1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): void {
    const isLast = request instanceof Http1Message && request.isLast;
    const open = connection.begin(request, response, isLast);
    if (open === null) return;
    const arrival = { connection, open, expectsContinue, isLast };
    const to = new Http1Response(request, response, arrival);
    this.#serveRequest(new Http1Request(request, to, { expectsContinue }), connection.context);
  }

  /** A WebSocket handshake: Node has released the stream, so that its response is the connection's last. */
  #leaveHttp(
    connection: GuestHttp1Connection,
    request: IncomingMessage,
    stream: Duplex,
    head: Buffer,
  ): void {
    connection.beginLast(request, (open) => {
      const to = new WebSocketTunnel(connection, open, stream, head);
      this.#serveRequest(new Http1Request(request, to, { isUpgrade: true }), connection.context);
    });
  }
}

/**
 * Makes Node's parser read a TLS socket by its events, as it reads any other stream: a listener of the data takes the socket's handle
 * from the parser. The handle delivers the TLS records that have come even while it is stopped, and the parser, which is stopped
 * with it when a guest does not read its responses, takes them for an error and loses them.
 */
function readByEvents(stream: Duplex): void {
  const listener = () => undefined;
  stream.on('data', listener).off('data', listener);
}

/** Refuses what Node's strict parser does not take: two framings, broken lines, fields beyond the limit; and late heads. */
function refuseBytes(connection: GuestHttp1Connection, error: NodeJS.ErrnoException): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') connection.refuseLateHead();
  else if (error.code === 'HPE_HEADER_OVERFLOW')
    connection.refuse('431 Request Header Fields Too Large');
  else connection.refuse('400 Bad Request');
}
