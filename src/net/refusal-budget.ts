import { REFUSAL_CERTIFICATE_BURST, REFUSAL_CERTIFICATES_PER_SECOND } from './limits.ts';

/**
 * Certificates that are minted only so that a denied HTTPS host can be told why (403 with a body instead of a reset).
 * A bucket of them: a guest that floods the host with denied names gets resets and costs nothing.
 */
export class RefusalBudget {
  readonly #now: () => number;
  #left = REFUSAL_CERTIFICATE_BURST;
  #filledMs: number;

  /** @param now  Milliseconds, monotonic. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#filledMs = now();
  }

  /** @returns False when the bucket is empty. */
  take(): boolean {
    const nowMs = this.#now();
    const earned = ((nowMs - this.#filledMs) / 1000) * REFUSAL_CERTIFICATES_PER_SECOND;
    this.#left = Math.min(REFUSAL_CERTIFICATE_BURST, this.#left + earned);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
