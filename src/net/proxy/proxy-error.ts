import { GondolinError } from '../../errors/gondolin-error.ts';
import type { UpstreamProxy } from './upstream-proxy.ts';

/** Why a proxy did not connect: `details.problem` of NET_PROXY_FAILED. */
export type ProxyProblem = 'unreachable' | 'credentials' | 'refused' | 'protocol' | 'timeout';

/**
 * Returns the error of a connection that a proxy did not make. @param why  A clause; nothing of it comes from the proxy's bytes
 * unless it is a number.
 */
export function proxyError(
  { place }: Pick<UpstreamProxy, 'place'>,
  problem: ProxyProblem,
  why: string,
  cause?: unknown,
): GondolinError {
  return new GondolinError('NET_PROXY_FAILED', `upstream proxy ${place}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { problem },
  });
}
