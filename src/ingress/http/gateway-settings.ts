import type { IngressHooks } from '../ingress-hooks.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { ServerDialer } from './server-dialer.ts';

/** The parts that all exchanges of a gateway share. */
export interface GatewaySettings {
  readonly dialer: ServerDialer;
  readonly routes: RouteTable;
  readonly hooks: IngressHooks;
  readonly allowWebSockets: boolean;
  readonly bufferResponseBody: boolean;
  readonly maxBufferedResponseBodyBytes: number;
  readonly responseTimeoutMs: number;
  /** Receives one line for each failure of a hook or of the guest. */
  readonly log: (message: string) => void;
}

/** Largest head of a request or response. */
export const MAX_HEAD_BYTES = 64 * 1024;
