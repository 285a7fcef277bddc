/** A rate limit. */
export interface Rate {
  /** Permissions at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket: requests of a guest beyond its rate cost the host nothing. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #now: () => number;
  #left: number;
  #filledMs: number;

  /** @param now  Milliseconds, monotonic. */
  constructor(rate: Rate, now: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#now = now;
    this.#left = rate.burst;
    this.#filledMs = now();
  }

  /** Takes one. @returns False when the bucket is empty. */
  take(): boolean {
    this.#fill();
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Takes one in advance. @returns Milliseconds until it is available. */
  takeAhead(): number {
    this.#fill();
    this.#left -= 1;
    return Math.max(0, Math.ceil((-this.#left / this.#rate.perSecond) * 1000));
  }

  #fill(): void {
    const nowMs = this.#now();
    const earned = ((nowMs - this.#filledMs) / 1000) * this.#rate.perSecond;
    this.#left = Math.min(this.#rate.burst, this.#left + earned);
    this.#filledMs = nowMs;
  }
}
