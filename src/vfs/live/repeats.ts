/**
 * A reply that is on its way when its node changes may reach the guest's tables after the notification: the node is
 * notified again after these times.
 */
const REPEATS_MS = [50, 500];

/** Notifications that are sent again. */
export class Repeats {
  readonly #maySend: () => boolean;
  readonly #timers = new Set<NodeJS.Timeout>();

  /** @param maySend  Returns false when a repetition that is due is left out. */
  constructor(maySend: () => boolean) {
    this.#maySend = maySend;
  }

  /** Calls `send` again after each of {@link REPEATS_MS}. */
  add(send: () => void): void {
    for (const ms of REPEATS_MS) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (this.#maySend()) send();
      }, ms);
      timer.unref();
      this.#timers.add(timer);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
