import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES } from '../../limits.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { HttpServices, Site } from '../request-context.ts';
import { Http1Line } from './guest-http1-connection.ts';
import { HandshakeAnswer } from './handshake-response.ts';
import { Http1Message } from './http1-message.ts';
import { Http1Answer, Http1Request, Http1Upgrade } from './http1-request.ts';

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
    const lines = this.#lines;
    this.#server = createServer({
      IncomingMessage: class extends Http1Message {
        protected override mayLeave(stream: Duplex): boolean {
          return lines.get(stream)?.mayLeave === true;
        }
      },
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
    const answer =
      (isWaiting: boolean): RequestListener =>
      (request, response) =>
        this.#guarded(request.socket, (line) => this.#answer(line, request, response, isWaiting));
    this.#server
      .on('request', answer(false))
      .on('checkContinue', answer(true))
      // One that is not known may be ignored (RFC 9110 §10.1.1); Node's own 417 would be unjudged.
      .on('checkExpectation', answer(false))
      .on('upgrade', (request, socket, head) =>
        this.#guarded(socket, (line) => this.#leaveHttp(line, request, socket, head)),
      )
      .on('clientError', (error, socket) =>
        this.#guarded(socket, (line) => refuseBytes(line, error)),
      )
      .on('timeout', () => undefined);
    // Node's clock for heads starts when a server listens.
    this.#server.emit('listening');
  }

  /** Serves a stream (the TLS socket, or `raw` itself) until it ends. */
  serve(stream: Duplex, raw: Duplex, site: Site): void {
    const { waits, fault } = this.#services;
    const line = new Http1Line(stream, raw, site, { waits, fault });
    this.#lines.set(stream, line);
    line.guard(() => this.#server.emit('connection', stream))();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Every way into this class from Node: a throw ends the connection, not the process. */
  #guarded(stream: Duplex, serve: (line: Http1Line) => void): void {
    const line = this.#lines.get(stream);
    if (line === undefined) stream.destroy();
    else line.guard(serve)(line);
  }

  #answer(
    line: Http1Line,
    request: IncomingMessage,
    response: ServerResponse,
    isWaiting: boolean,
  ): void {
    const isLast = request instanceof Http1Message && request.isLast;
    const open = line.begin(request, response, isLast);
    if (open === null) return;
    const answer = new Http1Answer(request, response, { line, open, isWaiting, isLast });
    new Exchange(new Http1Request(request, answer, isWaiting), line.site, this.#services).run();
  }

  /** A WebSocket handshake: Node has let go of the stream, so that its response is the connection's last. */
  #leaveHttp(line: Http1Line, request: IncomingMessage, stream: Duplex, head: Buffer): void {
    line.beginLast(request, (open) => {
      const handshake = new HandshakeAnswer(line, open, stream, head);
      new Exchange(new Http1Upgrade(request, handshake), line.site, this.#services).run();
    });
  }
}

/** What Node's strict parser does not take: two framings, broken lines, fields beyond the limit; and late heads. */
function refuseBytes(line: Http1Line, error: NodeJS.ErrnoException): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') line.refuseLateHead();
  else if (error.code === 'HPE_HEADER_OVERFLOW') line.refuse('431 Request Header Fields Too Large');
  else line.refuse('400 Bad Request');
}
