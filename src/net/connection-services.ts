import type { NetworkEvent } from './audit/network-event.ts';
import type { GuestHttp } from './http/guest/guest-http.ts';
import type { Upstream } from './http/upstream/upstream.ts';
import type { NetworkServices } from './network-services.ts';
import type { Dialer } from './tcp/dial.ts';
import type { TokenBucket } from './token-bucket.ts';

/** The services shared by all connections of one `Network`. */
export interface ConnectionServices {
  readonly network: NetworkServices;
  readonly http: GuestHttp;
  readonly upstream: Upstream;
  readonly dialer: Dialer;
  readonly refusals: TokenBucket;
  readonly emit: (event: NetworkEvent) => void;
}
