import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import {
  H2_GUEST_SESSION_WINDOW_BYTES,
  H2_GUEST_STREAM_WINDOW_BYTES,
  MAX_GUEST_H2_HEADER_BYTES,
  MAX_GUEST_H2_STREAMS,
  MAX_HEADER_PAIRS,
} from '../../limits.ts';
import type { HttpServices } from '../exchange/http-services.ts';
import type { ServeRequest } from '../exchange/serve-request.ts';
import { createGuard, type Guard } from '../guard.ts';
import type { RequestContext } from '../request-context.ts';
import { Http2Request } from './http2-request.ts';

/**
 * Owns one HTTP/2 connection of the guest: its streams, its silence, its end, and the errors of its
 * callbacks.
 */
export class GuestHttp2Connection {
  readonly #session: ServerHttp2Session;
  readonly #context: RequestContext;
  readonly #services: HttpServices;
  readonly #serveRequest: ServeRequest;
  readonly #guard: Guard;
  #openStreams = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;

  /**
   * @param stream  The TLS socket, or `raw` itself.
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  constructor(
    stream: Duplex,
    raw: Duplex,
    context: RequestContext,
    services: HttpServices,
    serveRequest: ServeRequest,
  ) {
    this.#context = context;
    this.#services = services;
    this.#serveRequest = serveRequest;
    this.#guard = createGuard((error) => {
      raw.destroy();
      services.fault(error);
    });
    this.#session = performServerHandshake(stream, {
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      settings: {
        maxConcurrentStreams: MAX_GUEST_H2_STREAMS,
        maxHeaderListSize: MAX_GUEST_H2_HEADER_BYTES,
        initialWindowSize: H2_GUEST_STREAM_WINDOW_BYTES,
      },
    });
    this.#listen(stream, raw);
  }

  onClose(listener: () => void): void {
    this.#session.once('close', this.#guard(listener));
  }

  destroy(): void {
    this.#session.destroy();
  }

  #listen(stream: Duplex, raw: Duplex): void {
    const session = this.#session;
    const { guestHeadMs, guestIdleMs } = this.#services.waits;
    session.on('error', () => undefined);
    // 'connect' comes a tick later; a guest may have broken the session by then.
    session.once(
      'connect',
      this.#guard(() => this.#widen()),
    );
    session.on(
      'stream',
      this.#guard((guestStream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
        this.#onStream(guestStream, headers),
      ),
    );
    session.once('close', () => {
      clearTimeout(this.#idleTimer);
      clearTimeout(this.#pingTimer);
    });
    // Node leaves the end to sockets, which end on their own; ours can be half-open.
    const destroy = this.#guard(() => session.destroy());
    stream.once('end', destroy);
    // After a broken rule of the protocol Node reads nothing more, and no end either.
    raw.once('close', destroy);
    session.setTimeout(guestIdleMs);
    session.on(
      'timeout',
      this.#guard(() => this.#onSilence()),
    );
    // Pings and half a header block are no requests: they don't keep a session.
    this.#closeAfter(guestHeadMs);
  }

  /** A wide window is for uploads: the guest of a refused connection has none, and there are not enough for all. */
  #widen(): void {
    if (this.#session.destroyed || this.#context.wasRefused) return;
    const giveBack = this.#services.load.takeWideWindow();
    if (giveBack === null) return;
    this.#session.once('close', giveBack);
    this.#session.setLocalWindowSize(H2_GUEST_SESSION_WINDOW_BYTES);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.#openStreams += 1;
    clearTimeout(this.#idleTimer);
    stream.on('error', () => undefined);
    stream.once(
      'close',
      this.#guard(() => this.#onStreamClose()),
    );
    const arrival = { guard: this.#guard, stallMs: this.#services.waits.guestStallMs };
    this.#serveRequest(new Http2Request(stream, headers, arrival), this.#context);
  }

  #onStreamClose(): void {
    this.#openStreams -= 1;
    if (this.#openStreams > 0) return;
    const session = this.#session;
    if (!session.destroyed) this.#closeAfter(this.#services.waits.guestIdleMs);
    // Node ends a closing session with its last stream, but not when a frame is still to be written then.
    if (session.closed) setImmediate(this.#guard(() => session.destroy()));
  }

  #closeAfter(waitMs: number): void {
    clearTimeout(this.#idleTimer);
    const close = this.#guard(() => this.#session.close());
    this.#idleTimer = setTimeout(close, waitMs);
  }

  /**
   * Nothing moves while streams are open: a live guest responds to a ping. One that broke a rule of the protocol has
   * received GOAWAY; from then on nghttp2 ignores it, and nothing else would ever end the connection.
   */
  #onSilence(): void {
    const session = this.#session;
    if (this.#pingTimer !== undefined || session.destroyed) return;
    const destroy = this.#guard(() => session.destroy());
    this.#pingTimer = setTimeout(destroy, this.#services.waits.guestStallMs);
    // An error is no response: a session that Node is closing sends no ping, and one that has ended receives none.
    session.ping(
      this.#guard((error: Error | null) => {
        if (error !== null) return;
        clearTimeout(this.#pingTimer);
        this.#pingTimer = undefined;
        if (!session.destroyed) session.setTimeout(this.#services.waits.guestIdleMs);
      }),
    );
  }
}
