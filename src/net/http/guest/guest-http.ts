import type { Duplex } from 'node:stream';
import type { HttpServices } from '../exchange/http-services.ts';
import { createServeRequest } from '../exchange/serve-request.ts';
import { createGuard } from '../guard.ts';
import type { RequestContext } from '../request-context.ts';
import { GuestHttp1 } from './guest-http1.ts';
import { GuestHttp2 } from './guest-http2.ts';

/** The guest's side of HTTP. */
export class GuestHttp {
  readonly #http1: GuestHttp1;
  readonly #http2: GuestHttp2;
  readonly #lingerMs: number;
  readonly #fault: (error: Error) => void;

  constructor(services: HttpServices) {
    const serveRequest = createServeRequest(services);
    this.#http1 = new GuestHttp1(services, serveRequest);
    this.#http2 = new GuestHttp2(services, serveRequest);
    this.#fault = services.fault;
    this.#lingerMs = services.waits.guestLingerMs;
  }

  /**
   * Serves a stream (the TLS socket, or the guest's own stream) until it ends.
   *
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  serve(stream: Duplex, raw: Duplex, context: RequestContext): void {
    const guard = createGuard((error) => {
      raw.destroy();
      this.#fault(error);
    });
    guard(() => {
      this.#limitLinger(raw);
      if (context.protocol === 'http2') this.#http2.serve(stream, raw, context);
      else this.#http1.serve(stream, raw, context);
    })();
  }

  close(): void {
    this.#http2.close();
    this.#http1.close();
  }

  /** A guest that does not end its half for long after we have ended ours is reset. */
  #limitLinger(raw: Duplex): void {
    raw.once('finish', () => {
      if (raw.destroyed) return;
      const timer = setTimeout(() => raw.destroy(), this.#lingerMs);
      raw.once('close', () => clearTimeout(timer));
    });
  }
}
