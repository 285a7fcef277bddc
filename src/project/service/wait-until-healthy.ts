import type { HealthcheckConfig } from '../../config/config.ts';
import { pause } from './pause.ts';

/** `ended`: the signal aborted first. */
export type Health =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'unhealthy'; readonly problem: string }
  | { readonly kind: 'ended' };

/**
 * Checks a service until it is healthy, or has failed `retries` times in a row. The first check is at once and costs nothing if
 * it fails, so that a service that starts fast need not wait for `interval`.
 *
 * @param check   Runs the check once; resolves with null, or with what is wrong.
 * @param signal  Aborts when the service has ended.
 */
export async function waitUntilHealthy(
  times: Omit<HealthcheckConfig, 'test' | 'timeoutMs'>,
  check: () => Promise<string | null>,
  signal: AbortSignal,
): Promise<Health> {
  const startedAt = performance.now();
  let failures = 0;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const isStarting = performance.now() - startedAt < times.startPeriodMs;
    const problem = await check();
    if (signal.aborted) break;
    if (problem === null) return { kind: 'healthy' };
    if (!isFirst && !isStarting) failures += 1;
    if (failures >= times.retries) return { kind: 'unhealthy', problem };
    await pause(isStarting ? times.startIntervalMs : times.intervalMs, signal);
  }
  return { kind: 'ended' };
}
