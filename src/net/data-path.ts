import type { Duplex } from 'node:stream';
import { TurnQueue } from '../util/turn-scheduler.ts';
import type { NetworkEvent } from './audit/network-event.ts';
import { type ConnectionServices, GuestConnection } from './guest-connection.ts';
import { GuestLoad } from './http/exchange/limit/guest-load.ts';
import { REQUEST_TURNS } from './http/exchange/limit/request-turns.ts';
import { GuestHttp } from './http/guest/guest-http.ts';
import { Upstream } from './http/upstream/upstream.ts';
import { REFUSAL_CERTIFICATES } from './limits.ts';
import type { NetworkServices } from './network-services.ts';
import { type Destination, Dialer } from './tcp/dial.ts';
import { TokenBucket } from './token-bucket.ts';

/** Everything that moves bytes for one `Network`; loaded and created for its first connection. */
export class DataPath {
  readonly #services: ConnectionServices;
  readonly #upstream: Upstream;
  #lastRequestId = 0;

  constructor(
    network: NetworkServices,
    listeners: { emit(event: NetworkEvent): void; fault(error: Error): void },
  ) {
    const { emit, fault } = listeners;
    const { policy, secrets, hooks, ca, resolve, waits } = network;
    const dialer = new Dialer({ policy, resolve, lookupCacheMs: waits.lookupCacheMs });
    this.#upstream = new Upstream(dialer, ca, waits);
    const http = new GuestHttp({
      policy,
      upstream: this.#upstream,
      secrets,
      hooks,
      waits,
      emit,
      fault,
      nextRequestId: () => {
        this.#lastRequestId += 1;
        return this.#lastRequestId;
      },
      load: new GuestLoad(),
      turns: new TurnQueue(REQUEST_TURNS),
    });
    this.#services = {
      network,
      http,
      upstream: this.#upstream,
      dialer,
      refusals: new TokenBucket(REFUSAL_CERTIFICATES),
      secrets,
      emit,
    };
  }

  serve(stream: Duplex, to: Destination, id: number): Promise<void> {
    return new GuestConnection(stream, to, id, this.#services).run();
  }

  async close(): Promise<void> {
    this.#services.http.close();
    await this.#upstream.close();
    await this.#services.dialer.close();
  }
}
