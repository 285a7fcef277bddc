/** One who waits for an item; settled once. */
interface Waiter<T> {
  resolve(item: T): void;
  reject(error: unknown): void;
}

export interface WaitLimits {
  readonly limitMs: number;
  /** Returns the error of a waiter whose time is up. */
  readonly late: () => Error;
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal | undefined;
}

/** Those who wait for items, in the order they came. */
export class WaitingLine<T> {
  readonly #waiters = new Set<Waiter<T>>();

  get length(): number {
    return this.#waiters.size;
  }

  join({ limitMs, late, signal }: WaitLimits): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const waiter: Waiter<T> = {
        resolve: (item) => {
          leave();
          resolve(item);
        },
        reject: (error) => {
          leave();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      const abort = () => waiter.reject(signal?.reason);
      const timer = setTimeout(() => waiter.reject(late()), limitMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** The one who has waited longest. */
  first(): Waiter<T> | undefined {
    return this.#waiters.values().next().value;
  }

  rejectAll(error: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }
}
