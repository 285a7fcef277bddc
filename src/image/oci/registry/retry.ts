import { setTimeout as delay } from 'node:timers/promises';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { TransferLimits } from './transport.ts';

/** A failure after which the same request may succeed. */
export class TransientFailure extends Error {
  /** Time that the server wants us to wait, in milliseconds; null if it names none. */
  readonly waitMs: number | null;

  constructor(message: string, facts: { waitMs?: number | null; cause?: unknown } = {}) {
    super(message, { cause: facts.cause });
    this.waitMs = facts.waitMs ?? null;
  }
}

/** Codes of undici and of the system for connections that failed or broke. */
const NETWORK_CODE =
  /^(?:E(?:CONN|HOST|NET|PIPE|AI_AGAIN|TIMEDOUT|ADDR)|UND_ERR_(?:CONNECT_TIMEOUT|HEADERS_TIMEOUT|BODY_TIMEOUT|SOCKET|RES_CONTENT_LENGTH|ABORTED|INFO))/;

/** Takes the errors of undici and of the network for transient ones; others, such as an unknown certificate, are not. */
function asTransient(error: unknown): unknown {
  if (error instanceof TransientFailure || GondolinError.is(error)) return error;
  const { code, message, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  const inner = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const isOfNetwork = NETWORK_CODE.test(code ?? '') || NETWORK_CODE.test(inner);
  const isOfParser = (code ?? '').startsWith('HPE_');
  if (!isOfNetwork && !isOfParser) return error;
  return new TransientFailure(message || (code ?? 'the connection failed'), { cause: error });
}

/** Reads `Retry-After`: seconds, or a date. Null for anything else. @see RFC 9110, section 10.2.3 */
export function parseRetryAfter(value: string | null, nowMs = Date.now()): number | null {
  if (value === null) return null;
  if (/^[0-9]{1,6}$/.test(value.trim())) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

/** However much each attempt brought. */
const ATTEMPTS_MAX = 100;

/**
 * Tries until it succeeds, fails for good, or has failed `limits.retries` times in a row. `attempt` calls `progressed` when it
 * brought something that a further attempt does not need again: then the count starts over.
 *
 * @throws {TransientFailure} the last one.
 */
export async function withRetries<T>(
  limits: TransferLimits,
  signal: AbortSignal,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt(() => {
        failures = 0;
      });
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asTransient(thrown);
      if (!(error instanceof TransientFailure)) throw error;
      failures += 1;
      if (failures > limits.retries || attempts === ATTEMPTS_MAX) throw error;
      const own = limits.firstDelayMs * 2 ** (failures - 1);
      // A part of it at random, so that many that were refused at once do not come back at once.
      const wait = error.waitMs ?? own * (0.75 + Math.random() / 2);
      await delay(Math.min(wait, limits.longestDelayMs), undefined, { signal });
    }
  }
}
