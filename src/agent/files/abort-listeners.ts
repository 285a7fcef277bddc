interface Group {
  readonly callbacks: Set<() => void>;
  readonly onAbort: () => void;
}

/** Callbacks of signals, with one listener for each signal: Node warns of more than ten. */
export class AbortListeners {
  readonly #groups = new Map<AbortSignal, Group>();

  /** Calls `callback` when the signal is aborted; that must not have happened yet. */
  add(signal: AbortSignal, callback: () => void): void {
    let group = this.#groups.get(signal);
    if (group === undefined) {
      const callbacks = new Set<() => void>();
      const onAbort = () => {
        for (const one of [...callbacks]) one();
      };
      group = { callbacks, onAbort };
      this.#groups.set(signal, group);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    group.callbacks.add(callback);
  }

  remove(signal: AbortSignal, callback: () => void): void {
    const group = this.#groups.get(signal);
    if (group === undefined) return;
    group.callbacks.delete(callback);
    if (group.callbacks.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener('abort', group.onAbort);
  }
}
