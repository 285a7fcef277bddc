import type { UpstreamProxyOptions } from './proxy-options.ts';
import { proxyOptions, UpstreamProxy } from './upstream-proxy.ts';

/** Schemes of the variables; apt and curl let the proxy resolve names with `socks5h`. */
const SCHEMES = { http: 'http', https: 'https', socks5: 'socks5h' } as const;

/** Suffixes and names are all that programs agree on in `no_proxy`. */
function directName(pattern: string): string[] {
  const suffix = /^\*\*?(\.[a-z0-9.-]+)$/.exec(pattern)?.[1];
  if (suffix !== undefined) return [suffix];
  return /^[a-z0-9.-]+$/.test(pattern) ? [pattern] : [];
}

/**
 * Returns the variables by which the programs that download for an image use the proxy of a network: `http_proxy`,
 * `https_proxy` and, for the names and suffixes of `noProxy`, `no_proxy`. They contain its credentials. Empty without a proxy.
 * @throws {GondolinError} NET_PROXY_INVALID, NET_SECRET_INVALID, NET_PATTERN_INVALID.
 */
export function downloadEnvironment(
  given: string | UpstreamProxyOptions | undefined,
): Record<string, string> {
  if (given === undefined) return {};
  const options = proxyOptions(given);
  const proxy = new UpstreamProxy(options);
  const { credentials } = proxy;
  const login =
    credentials === null
      ? ''
      : `${encodeURIComponent(credentials.user)}:${encodeURIComponent(credentials.password)}@`;
  const url = `${SCHEMES[proxy.kind]}://${login}${proxy.place}`;
  const direct = (options.noProxy ?? []).flatMap(directName).join(',');
  return { http_proxy: url, https_proxy: url, ...(direct === '' ? {} : { no_proxy: direct }) };
}
