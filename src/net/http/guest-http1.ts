import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES } from '../limits.ts';
import { Exchange } from './exchange.ts';
import { Http1Line } from './http1-line.ts';
import { Http1Request, Http1Upgrade } from './http1-request.ts';
import type { HttpServices, Site } from './site.ts';

/** How often Node looks for heads that are late. */
const MAX_LATE_CHECK_MS = 5_000;

/** HTTP/1 with guests: Node's server, which never listens and is fed with streams. */
export class GuestHttp1 {
  readonly #services: HttpServices;
  readonly #server: Server;
  readonly #lines = new WeakMap<Duplex, Http1Line>();

  constructor(services: HttpServices) {
    const { guestHeadMs, guestIdleMs } = services.waits;
    this.#services = services;
    this.#server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      headersTimeout: guestHeadMs,
      connectionsCheckingInterval: Math.min(Math.ceil(guestHeadMs / 4), MAX_LATE_CHECK_MS),
      // What the guest is told. The time itself is the line's: only sockets have a clock.
      keepAliveTimeout: guestIdleMs,
      requestTimeout: 0,
    });
    // The size is bounded in bytes; a silent cut of the list would hide fields from the checks.
    this.#server.maxHeadersCount = 0;
    // A guest may end its half after its request and gets its answer; Node has no option for that.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server
      .on('request', (request, response) => this.#answer(request, response, false))
      .on('checkContinue', (request, response) => this.#answer(request, response, true))
      // One that is not known may be ignored (RFC 9110 §10.1.1); Node's own 417 would be unjudged.
      .on('checkExpectation', (request, response) => this.#answer(request, response, false))
      .on('connect', (request, socket, head) => this.#leaveHttp(request, socket, head))
      .on('upgrade', (request, socket, head) => this.#leaveHttp(request, socket, head))
      .on('clientError', (error, socket) => this.#refuseBytes(error, socket))
      .on('timeout', () => undefined);
    // Node's clock for heads starts when a server listens.
    this.#server.emit('listening');
  }

  /** Serves a stream (the TLS socket, or `raw` itself) until it ends. */
  serve(stream: Duplex, raw: Duplex, site: Site): void {
    this.#lines.set(stream, new Http1Line(stream, raw, site, this.#services.waits));
    this.#server.emit('connection', stream);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse, isWaiting: boolean): void {
    const line = this.#lines.get(request.socket);
    if (line === undefined) {
      request.socket.destroy();
    } else if (line.begin(request, response)) {
      const guest = new Http1Request(request, response, { line, isWaiting, isDetached: false });
      new Exchange(guest, line.site, this.#services).run();
    }
  }

  /**
   * `CONNECT`, or `Upgrade`. Node has let go of the socket, so that the answer is the connection's last. A server may
   * ignore `Upgrade` (RFC 9110 §7.8), as we do with any but WebSocket: curl offers h2c on plain HTTP that way.
   */
  #leaveHttp(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const line = this.#lines.get(socket);
    if (line === undefined) {
      socket.destroy();
      return;
    }
    line.leave();
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    response.once('finish', () => socket.end());
    socket.on('error', () => undefined);
    const isWebSocket =
      request.method === 'GET' && /^websocket$/i.test(request.headers.upgrade ?? '');
    const guest = isWebSocket
      ? new Http1Upgrade(request, response, { line, socket, head })
      : new Http1Request(request, response, { line, isWaiting: false, isDetached: true });
    new Exchange(guest, line.site, this.#services).run();
  }

  /** What Node's strict parser does not take: two framings, broken lines, fields beyond the limit; and late heads. */
  #refuseBytes(error: NodeJS.ErrnoException, stream: Duplex): void {
    const line = this.#lines.get(stream);
    if (line === undefined) stream.destroy();
    else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') line.refuseLateHead();
    else if (error.code === 'HPE_HEADER_OVERFLOW') {
      line.refuse('431 Request Header Fields Too Large');
    } else line.refuse('400 Bad Request');
  }
}
