import type { Attributes } from '../provider.ts';

/**
 * Twice the time that the guest may use attributes for (`ttlMs` of the providers): its clock and ours run at the same rate,
 * but replies take time to arrive.
 */
const WINDOW_MS = 2_000;

/**
 * Attributes that the guest may still use without asking again: those sent within the last two seconds of its running
 * time. It asks again for older ones anyway.
 */
export class RecentAttributes {
  readonly #sent = new Map<number, { readonly atMs: number; readonly attributes: Attributes }>();
  #stoppedMs = 0;
  #stoppedAtMs: number | null = null;

  #nowMs(): number {
    return (this.#stoppedAtMs ?? performance.now()) - this.#stoppedMs;
  }

  /** Stops the clock while the guest does not run: nothing it knows gets older. */
  pause(): void {
    this.#stoppedAtMs ??= performance.now();
  }

  /** Restarts the clock. */
  resume(): void {
    if (this.#stoppedAtMs !== null) this.#stoppedMs += performance.now() - this.#stoppedAtMs;
    this.#stoppedAtMs = null;
  }

  /** Notes attributes that are sent to the guest. */
  record(nodeId: number, attributes: Attributes): void {
    const atMs = this.#nowMs();
    this.#sent.delete(nodeId);
    this.#sent.set(nodeId, { atMs, attributes });
    this.#dropOld(atMs);
  }

  /** Notes that the guest drops the attributes of a node: it is notified. */
  forget(nodeId: number): void {
    this.#sent.delete(nodeId);
  }

  #dropOld(nowMs: number): void {
    for (const [nodeId, { atMs }] of this.#sent) {
      if (nowMs - atMs <= WINDOW_MS) return;
      this.#sent.delete(nodeId);
    }
  }

  /** Returns node ids with their attributes. */
  entries(): (readonly [number, Attributes])[] {
    this.#dropOld(this.#nowMs());
    return [...this.#sent].map(([nodeId, { attributes }]) => [nodeId, attributes] as const);
  }
}
