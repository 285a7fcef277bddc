import type { Dispatcher } from 'undici';

/** Bounds on the time of one exchange, in milliseconds. */
export interface TransferLimits {
  /** Until the connection is there. @default 30_000 */
  readonly connectMs: number;
  /** Without a byte from the server. @default 30_000 */
  readonly idleMs: number;
  /** Further attempts after a failed one that brought nothing. @default 4 */
  readonly retries: number;
  /** Before the first further attempt; each later one waits twice as long. @default 1_000 */
  readonly firstDelayMs: number;
  /** The longest wait that a server may ask for. @default 60_000 */
  readonly longestDelayMs: number;
}

export const TRANSFER_LIMITS: TransferLimits = {
  connectMs: 30_000,
  idleMs: 30_000,
  retries: 4,
  firstDelayMs: 1_000,
  longestDelayMs: 60_000,
};

/** Registries on this machine are not asked through a proxy. */
const DIRECT = 'localhost,127.0.0.1,::1';

/**
 * Opens the connections to registries: directly, or through the proxy of `http_proxy`, `https_proxy` and `no_proxy`.
 * Server certificates are verified against what Node trusts, with `NODE_EXTRA_CA_CERTS`. Close it when all is read.
 */
export async function openTransport(
  environment: Readonly<Record<string, string>>,
  limits: TransferLimits,
): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await import('undici');
  const options = {
    connect: { timeout: limits.connectMs },
    headersTimeout: limits.idleMs,
    bodyTimeout: limits.idleMs,
  };
  const proxyOf = (name: string) => (environment[name] ?? '').replace(/^socks5h:/, 'socks5:');
  const [httpProxy, httpsProxy] = [proxyOf('http_proxy'), proxyOf('https_proxy')];
  if (httpProxy === '' && httpsProxy === '') return new Agent(options);
  const noProxy = [DIRECT, environment['no_proxy'] ?? ''].filter((part) => part !== '').join(',');
  return new EnvHttpProxyAgent({ ...options, httpProxy, httpsProxy, noProxy });
}
