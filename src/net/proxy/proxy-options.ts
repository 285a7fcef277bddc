import type { SecretValue } from '../secret/secret-value.ts';

/**
 * The proxy through which servers are reached.
 *
 * @example
 * const upstreamProxy: UpstreamProxyOptions = {
 *   url: 'http://proxy.example.com:3128',
 *   credentials: process.env['PROXY_CREDENTIALS'],
 *   noProxy: ['**.internal.example.com', '10.0.0.0/8'],
 * };
 * const vm = await VM.create({ network: { policy: { mode: 'open' }, upstreamProxy } });
 */
export interface UpstreamProxyOptions {
  /** `http://host:port`, `https://host:port` (TLS to the proxy) or `socks5://host:port`, without credentials. */
  readonly url: string;
  /** `user:password`. Shown nowhere. @default none */
  readonly credentials?: string | SecretValue | undefined;
  /** Host patterns that are dialled directly; `*.` covers every depth. Names of `extraHosts` always are. @default none */
  readonly noProxy?: readonly string[];
  /**
   * `local`: names are resolved on this machine, each address is judged, and the proxy gets the address. `proxy`: the proxy gets
   * the name, and private addresses behind names cannot be refused. @default 'local'
   */
  readonly resolve?: 'local' | 'proxy';
}
