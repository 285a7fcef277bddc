import type { Duplex } from 'node:stream';
import type { HttpServices, Site } from '../request-context.ts';
import { Http2Line } from './guest-http2-connection.ts';

/** HTTP/2 with guests: one of Node's sessions on each stream. */
export class GuestHttp2 {
  readonly #services: HttpServices;
  readonly #lines = new Set<Http2Line>();

  constructor(services: HttpServices) {
    this.#services = services;
  }

  /**
   * Serves a stream (the TLS socket, or `raw` itself) until it ends.
   *
   * @param raw  The guest's stream below TLS: destroying it is a reset for the guest.
   */
  serve(stream: Duplex, raw: Duplex, site: Site): void {
    const line = new Http2Line(stream, raw, site, this.#services);
    this.#lines.add(line);
    line.onClose(() => this.#lines.delete(line));
  }

  close(): void {
    for (const line of this.#lines) line.destroy();
  }
}
