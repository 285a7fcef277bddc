import type { Duplex } from 'node:stream';
import { TurnQueue } from '../util/turn-scheduler.ts';
import type { NetworkEvent } from './audit/network-event.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { Destination } from './destination.ts';
import { GuestConnection } from './guest-connection.ts';
import { writeAuthority } from './http/authority.ts';
import type { HttpServices } from './http/exchange/http-services.ts';
import { GuestLoad } from './http/exchange/limit/guest-load.ts';
import { REQUEST_TURNS } from './http/exchange/limit/request-turns.ts';
import { GuestHttp } from './http/guest/guest-http.ts';
import type { GuestRequest } from './http/guest-request.ts';
import type { Target } from './http/request-context.ts';
import { Upstream } from './http/upstream/upstream.ts';
import { REFUSAL_CERTIFICATES } from './limits.ts';
import type { NetworkServices } from './network-services.ts';
import { judgeConnection } from './policy/judge-transports.ts';
import { Dialer, type DialerOptions } from './tcp/dial.ts';
import { TokenBucket } from './token-bucket.ts';

/** Everything that moves bytes for one `Network`; loaded and created for its first connection. */
export class DataPath {
  readonly #services: ConnectionServices;
  readonly #shared: Omit<HttpServices, 'policy' | 'secrets' | 'hooks'>;
  readonly #upstream: Upstream;
  readonly #connections = new Set<GuestConnection>();
  #lastRequestId = 0;

  constructor(
    network: NetworkServices,
    listeners: { emit(event: NetworkEvent): void; fault(error: Error): void },
  ) {
    const { emit, fault } = listeners;
    const { rules, ca, resolve, waits, proxy } = network;
    const policy: DialerOptions['policy'] = {
      decideAddress: (...question) => rules().policy.decideAddress(...question),
      extraHost: (name) => rules().policy.extraHost(name),
    };
    const dialer = new Dialer({
      policy,
      resolve,
      lookupCacheMs: waits.lookupCacheMs,
      proxy,
      roots: ca,
    });
    this.#upstream = new Upstream(dialer, ca, waits);
    this.#shared = {
      upstream: this.#upstream,
      waits,
      emit,
      fault,
      nextRequestId: () => {
        this.#lastRequestId += 1;
        return this.#lastRequestId;
      },
      load: new GuestLoad(),
      turns: new TurnQueue(REQUEST_TURNS),
      open: new Set(),
      asker: network.asker,
    };
    this.#services = {
      network,
      http: new GuestHttp({ ...this.#shared, ...rules() }),
      upstream: this.#upstream,
      dialer,
      refusals: new TokenBucket(REFUSAL_CERTIFICATES),
      emit,
    };
  }

  serve(stream: Duplex, to: Destination, id: number): Promise<void> {
    const connection = new GuestConnection(stream, to, id, this.#services);
    this.#connections.add(connection);
    stream.once('close', () => this.#connections.delete(connection));
    return connection.run();
  }

  /** Serves one request without a connection of the guest. */
  request(guest: GuestRequest, target: Target, connectionId: number): void {
    const verdict = judgeConnection(this.#services.network.rules().policy, target, target.scheme);
    this.#services.http.request(guest, {
      ...target,
      connectionId,
      protocol: 'http1',
      authority: writeAuthority(target),
      traffic: { sentBytes: 0, receivedBytes: 0 },
      wasRefused: !verdict.isAllowed,
    });
  }

  /** Keeps no connection to a server that carries nothing. */
  retire(): void {
    this.#services.dialer.forget();
    this.#upstream.retire();
  }

  /**
   * Applies rules that have changed to what is open: later requests are judged by them, connections and requests whose place
   * they refuse are broken off, and each server's connection is dialled, and so judged, again.
   */
  update(): void {
    const rules = this.#services.network.rules();
    this.#services.http.update({ ...this.#shared, ...rules });
    this.#services.dialer.forget();
    for (const exchange of [...this.#shared.open]) exchange.judgeAgain(rules.policy);
    for (const connection of [...this.#connections]) connection.judgeAgain();
    this.#upstream.retire();
  }

  async close(): Promise<void> {
    this.#services.http.close();
    await this.#upstream.close();
    await this.#services.dialer.close();
  }
}
