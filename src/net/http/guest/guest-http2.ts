import type { Duplex } from 'node:stream';
import type { HttpServices } from '../exchange/http-services.ts';
import type { ServeRequest } from '../exchange/serve-request.ts';
import type { RequestContext } from '../request-context.ts';
import { GuestHttp2Connection } from './guest-http2-connection.ts';

/** HTTP/2 with guests: one of Node's sessions on each stream. */
export class GuestHttp2 {
  readonly #services: HttpServices;
  readonly #serveRequest: ServeRequest;
  readonly #connections = new Set<GuestHttp2Connection>();

  constructor(services: HttpServices, serveRequest: ServeRequest) {
    this.#services = services;
    this.#serveRequest = serveRequest;
  }

  /**
   * Serves a stream (the TLS socket, or `raw` itself) until it ends.
   *
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  serve(stream: Duplex, raw: Duplex, context: RequestContext): void {
    const connection = new GuestHttp2Connection(
      stream,
      raw,
      context,
      this.#services,
      this.#serveRequest,
    );
    this.#connections.add(connection);
    connection.onClose(() => this.#connections.delete(connection));
  }

  close(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}
