import type { Duplex } from 'node:stream';
import type { HttpServices } from '../exchange/http-services.ts';
import { createServeRequest, type ServeRequest } from '../exchange/serve-request.ts';
import { createGuard } from '../guard.ts';
import type { GuestRequest } from '../guest-request.ts';
import type { RequestContext } from '../request-context.ts';
import { GuestHttp1 } from './guest-http1.ts';
import { GuestHttp2Connection } from './guest-http2-connection.ts';

/** The guest's side of HTTP. */
export class GuestHttp {
  readonly #services: HttpServices;
  #serveRequest: ServeRequest;
  readonly #http1: GuestHttp1;
  readonly #http2 = new Set<GuestHttp2Connection>();
  /** Connections hold this: it always serves by the latest services. */
  readonly #serve: ServeRequest = (guest, context) => this.#serveRequest(guest, context);

  constructor(services: HttpServices) {
    this.#services = services;
    this.#serveRequest = createServeRequest(services);
    this.#http1 = new GuestHttp1(services, this.#serve);
  }

  /** Serves later requests with other services. */
  update(services: HttpServices): void {
    this.#serveRequest = createServeRequest(services);
  }

  /**
   * Serves a stream (the TLS socket, or the guest's own stream) until it ends.
   *
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  serve(stream: Duplex, raw: Duplex, context: RequestContext): void {
    const guard = createGuard((error) => {
      raw.destroy();
      this.#services.fault(error);
    });
    guard(() => {
      this.#limitLinger(raw);
      if (context.protocol === 'http2') this.#serveHttp2(stream, raw, context);
      else this.#http1.serve(stream, raw, context);
    })();
  }

  /** Serves a request that came without a stream. */
  request(guest: GuestRequest, context: RequestContext): void {
    this.#serve(guest, context);
  }

  close(): void {
    for (const connection of this.#http2) connection.destroy();
    this.#http1.close();
  }

  #serveHttp2(stream: Duplex, raw: Duplex, context: RequestContext): void {
    const connection = new GuestHttp2Connection(stream, raw, context, this.#services, this.#serve);
    this.#http2.add(connection);
    connection.onClose(() => this.#http2.delete(connection));
  }

  /** Resets a guest that does not end its half for long after we have ended ours. */
  #limitLinger(raw: Duplex): void {
    raw.once('finish', () => {
      if (raw.destroyed) return;
      const timer = setTimeout(() => raw.destroy(), this.#services.waits.guestLingerMs);
      raw.once('close', () => clearTimeout(timer));
    });
  }
}
