import { performServerHandshake, type ServerHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import {
  H2_GUEST_SESSION_WINDOW_BYTES,
  H2_GUEST_STREAM_WINDOW_BYTES,
  MAX_GUEST_H2_STREAMS,
  MAX_HEADER_BYTES,
  MAX_HEADER_PAIRS,
} from '../limits.ts';
import { Exchange } from './exchange.ts';
import { Http2Request } from './http2-request.ts';
import type { HttpServices, Site } from './site.ts';

/** HTTP/2 with guests: one of Node's sessions on each stream. */
export class GuestHttp2 {
  readonly #services: HttpServices;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(services: HttpServices) {
    this.#services = services;
  }

  /** Serves a stream until it ends. */
  serve(stream: Duplex, site: Site): void {
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
    session.once('close', () => this.#sessions.delete(session));
    // Node leaves that to sockets, which end on their own; ours can be half-open.
    stream.once('end', () => session.destroy());
    this.#answerStreams(session, site);
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #answerStreams(session: ServerHttp2Session, site: Site): void {
    const { guestHeadMs, guestIdleMs } = this.#services.waits;
    let openStreams = 0;
    // Pings and half a header block are no requests: they don't keep a session.
    const giveUp = (): void => session.close();
    let timer = setTimeout(giveUp, guestHeadMs);
    session.once('close', () => clearTimeout(timer));
    session.on('stream', (guestStream, headers) => {
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
      new Exchange(new Http2Request(guestStream, headers), site, this.#services).run();
    });
  }
}
