import type { IngressHooks } from './ingress-hooks.ts';

/**
 * Options of `vm.enableIngress`.
 *
 * @example
 * const options: IngressOptions = { listenPort: 8080, allowWebSockets: false };
 * const ingress = await vm.enableIngress(options);
 */
export interface IngressOptions {
  /** IP address of this machine to listen on. One that is not loopback lets other machines connect. @default '127.0.0.1' */
  readonly listenHost?: string;
  /** 0 takes a free port. @default 0 */
  readonly listenPort?: number;
  readonly hooks?: IngressHooks;
  /** Passes WebSocket handshakes to the guest; otherwise they get a 403. @default true */
  readonly allowWebSockets?: boolean;
  /** Reads each response body before `onResponse` runs, which then gets it. @default false */
  readonly bufferResponseBody?: boolean;
  /** A body that is read first and is longer gets a 502, in bytes. @default 2 MiB */
  readonly maxBufferedResponseBodyBytes?: number;
  /** Limit of the wait for a server to listen on the port of its route, in milliseconds. @default 30000 */
  readonly serverStartTimeoutMs?: number;
  /** Limit of the wait for the head of the response, in milliseconds. @default 300000 */
  readonly responseTimeoutMs?: number;
}

/**
 * An HTTP gateway that `vm.enableIngress` opened.
 *
 * @example
 * const ingress: IngressGateway = await vm.enableIngress();
 * await vm.setIngressRoutes([{ prefix: '/', port: 8000 }]);
 * const page = await fetch(ingress.url);
 */
export interface IngressGateway {
  /** Address of this machine. */
  readonly host: string;
  /** Port of this machine. */
  readonly port: number;
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** Stops listening and ends open requests. May be called twice. */
  close(): Promise<void>;
}
