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
  MAX_GUEST_H2_STREAMS,
  MAX_HEADER_BYTES,
  MAX_HEADER_PAIRS,
} from '../limits.ts';
import { Exchange } from './exchange.ts';
import { createGuard, type Guard } from './guard.ts';
import { Http2Request } from './http2-request.ts';
import type { HttpServices, Site } from './site.ts';

/** HTTP/2 with guests: one of Node's sessions on each stream. */
export class GuestHttp2 {
  readonly #services: HttpServices;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(services: HttpServices) {
    this.#services = services;
  }

  /**
   * Serves a stream (the TLS socket, or `raw` itself) until it ends.
   *
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  serve(stream: Duplex, raw: Duplex, site: Site): void {
    const guard = createGuard((error) => {
      raw.destroy();
      this.#services.fault(error);
    });
    guard(() => this.#open(stream, site, guard))();
  }

  #open(stream: Duplex, site: Site, guard: Guard): void {
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
    const widen = (): void => {
      if (!session.destroyed) session.setLocalWindowSize(H2_GUEST_SESSION_WINDOW_BYTES);
    };
    session.once('connect', guard(widen));
    session.once('close', () => this.#sessions.delete(session));
    // Node leaves that to sockets, which end on their own; ours can be half-open.
    stream.once('end', () => session.destroy());
    this.#answerStreams(session, site, guard);
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #answerStreams(session: ServerHttp2Session, site: Site, guard: Guard): void {
    const { guestHeadMs, guestIdleMs } = this.#services.waits;
    let openStreams = 0;
    // Pings and half a header block are no requests: they don't keep a session.
    const giveUp = (): void => session.close();
    let timer = setTimeout(giveUp, guestHeadMs);
    session.once('close', () => clearTimeout(timer));
    const onStream = (guestStream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
      openStreams += 1;
      clearTimeout(timer);
      guestStream.on('error', () => undefined);
      guestStream.once('close', () => {
        openStreams -= 1;
        if (openStreams > 0) return;
        if (!session.destroyed) timer = setTimeout(giveUp, guestIdleMs);
        // Node ends a closing session with its last stream, but not when a frame is still to be written then.
        if (session.closed) setImmediate(() => session.destroy());
      });
      new Exchange(new Http2Request(guestStream, headers, guard), site, this.#services).run();
    };
    session.on('stream', guard(onStream));
  }
}
