import type { Attributes } from '../provider.ts';

/**
 * Twice what the guest trusts attributes for (`ttlMs` of the providers): its clock and ours tick alike while it runs,
 * but an answer takes its way.
 */
const WINDOW_MS = 2_000;

/**
 * What the guest may believe of files without asking again: attributes told within the last two seconds of its
 * running time. It asks for older ones anyway.
 */
export class RecentAttributes {
  readonly #told = new Map<number, { readonly atMs: number; readonly attributes: Attributes }>();
  #stoppedMs = 0;
  #stoppedAtMs: number | null = null;

  #nowMs(): number {
    return (this.#stoppedAtMs ?? performance.now()) - this.#stoppedMs;
  }

  /** The guest does not run from here on: nothing it knows grows old. */
  pause(): void {
    this.#stoppedAtMs ??= performance.now();
  }

  resume(): void {
    if (this.#stoppedAtMs !== null) this.#stoppedMs += performance.now() - this.#stoppedAtMs;
    this.#stoppedAtMs = null;
  }

  record(nodeId: number, attributes: Attributes): void {
    const atMs = this.#nowMs();
    this.#told.delete(nodeId);
    this.#told.set(nodeId, { atMs, attributes });
    this.#dropOld(atMs);
  }

  #dropOld(nowMs: number): void {
    for (const [nodeId, { atMs }] of this.#told) {
      if (nowMs - atMs <= WINDOW_MS) return;
      this.#told.delete(nodeId);
    }
  }

  /** By node id. */
  entries(): (readonly [number, Attributes])[] {
    this.#dropOld(this.#nowMs());
    return [...this.#told].map(([nodeId, { attributes }]) => [nodeId, attributes] as const);
  }
}
