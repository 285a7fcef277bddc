import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { performServerHandshake, type ServerHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import {
  GUEST_IDLE_MS,
  H2_GUEST_SESSION_WINDOW_BYTES,
  H2_GUEST_STREAM_WINDOW_BYTES,
  MAX_GUEST_H2_STREAMS,
  MAX_HEADER_BYTES,
  MAX_HEADER_PAIRS,
} from '../limits.ts';
import { Exchange } from './exchange.ts';
import { Http1Request, Http1Upgrade } from './http1-request.ts';
import { Http2Request } from './http2-request.ts';
import type { HttpServices, Site } from './site.ts';

interface Connection {
  readonly site: Site;
  readonly raw: Duplex;
}

/** The guest's side of HTTP: Node's own servers, fed with streams. */
export class GuestHttp {
  readonly #services: HttpServices;
  readonly #server: Server;
  readonly #connections = new WeakMap<Duplex, Connection>();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(services: HttpServices) {
    this.#services = services;
    this.#server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      keepAliveTimeout: GUEST_IDLE_MS,
      requestTimeout: 0,
    });
    // The size is bounded in bytes; a silent cut of the list would hide fields from the checks.
    this.#server.maxHeadersCount = 0;
    this.#server
      .on('request', (request, response) => this.#answer(request, response, false))
      .on('checkContinue', (request, response) => this.#answer(request, response, true))
      .on('connect', (request, socket, head) => this.#leaveHttp(request, socket, head))
      .on('upgrade', (request, socket, head) => this.#leaveHttp(request, socket, head))
      .on('clientError', refuseBytes);
  }

  /**
   * Serves HTTP/1 on a stream (the TLS socket, or the guest's own stream) until it ends.
   *
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  serveHttp1(stream: Duplex, raw: Duplex, site: Site): void {
    this.#connections.set(stream, { site, raw });
    this.#server.emit('connection', stream);
  }

  /** Serves HTTP/2 on a stream until it ends. */
  serveHttp2(stream: Duplex, site: Site): void {
    const session = performServerHandshake(stream, {
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      settings: {
        maxConcurrentStreams: MAX_GUEST_H2_STREAMS,
        maxHeaderListSize: MAX_HEADER_BYTES,
        initialWindowSize: H2_GUEST_STREAM_WINDOW_BYTES,
      },
    });
    this.#sessions.add(session);
    session.on('error', () => undefined);
    // 'connect' comes a tick later; a guest may have broken the session by then.
    session.once('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(H2_GUEST_SESSION_WINDOW_BYTES);
    });
    session.setTimeout(GUEST_IDLE_MS, () => session.close());
    session.once('close', () => this.#sessions.delete(session));
    // Node leaves that to sockets, which end on their own; ours can be half-open.
    stream.once('end', () => session.destroy());
    let openStreams = 0;
    session.on('stream', (guestStream, headers) => {
      openStreams += 1;
      guestStream.on('error', () => undefined);
      guestStream.once('close', () => {
        openStreams -= 1;
        // Node ends a closing session with its last stream, but not when a frame is still to be written then.
        if (openStreams === 0 && session.closed) setImmediate(() => session.destroy());
      });
      new Exchange(new Http2Request(guestStream, headers), site, this.#services).run();
    });
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse, isWaiting: boolean): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) {
      request.socket.destroy();
      return;
    }
    const { site, raw } = connection;
    new Exchange(
      new Http1Request(request, response, { raw, isWaiting, isDetached: false }),
      site,
      this.#services,
    ).run();
  }

  /**
   * `CONNECT`, or `Upgrade`. Node has let go of the socket, so that the answer is the connection's last. A server may
   * ignore `Upgrade` (RFC 9110 §7.8), as we do with any but WebSocket: curl offers h2c on plain HTTP that way.
   */
  #leaveHttp(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    const { site, raw } = connection;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    response.once('finish', () => socket.end());
    socket.on('error', () => undefined);
    const isWebSocket =
      request.method === 'GET' && /^websocket$/i.test(request.headers.upgrade ?? '');
    const guest = isWebSocket
      ? new Http1Upgrade(request, response, { raw, socket, head })
      : new Http1Request(request, response, { raw, isWaiting: false, isDetached: true });
    new Exchange(guest, site, this.#services).run();
  }
}

/** What Node's strict parser does not take: two framings, broken lines, fields beyond the limit. */
function refuseBytes(error: NodeJS.ErrnoException, stream: Duplex): void {
  if (!stream.writable || stream.writableLength > 0) {
    stream.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : '400 Bad Request';
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    stream.destroy(),
  );
}
