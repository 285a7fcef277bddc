let abortSignal;

/** `AbortSignal` of the DOM Standard, with `abort` as its only event. */
export class AbortSignal {
  static {
    abortSignal = (signal, reason) => signal.#abort(reason);
  }

  #isAborted = false;
  #reason;
  #listeners = new Set();
  onabort = null;

  static abort(reason) {
    const signal = new AbortSignal();
    signal.#abort(reason);
    return signal;
  }

  static timeout(delayMs) {
    const signal = new AbortSignal();
    const late = () => signal.#abort(named('TimeoutError', 'the time is over'));
    setTimeout(late, delayMs);
    return signal;
  }

  static any(signals) {
    const all = [...signals];
    const signal = new AbortSignal();
    const aborted = all.find((one) => one.aborted);
    if (aborted !== undefined) signal.#abort(aborted.reason);
    else for (const one of all) one.addEventListener('abort', () => signal.#abort(one.reason));
    return signal;
  }

  get aborted() {
    return this.#isAborted;
  }

  get reason() {
    return this.#reason;
  }

  throwIfAborted() {
    if (this.#isAborted) throw this.#reason;
  }

  addEventListener(type, listener) {
    if (type === 'abort') this.#listeners.add(listener);
  }

  removeEventListener(type, listener) {
    if (type === 'abort') this.#listeners.delete(listener);
  }

  #abort(reason = named('AbortError', 'this operation was aborted')) {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    const event = { type: 'abort', target: this };
    this.onabort?.(event);
    for (const listener of listeners) listener(event);
  }
}

export class AbortController {
  #signal = new AbortSignal();

  get signal() {
    return this.#signal;
  }

  abort(reason) {
    abortSignal(this.#signal, reason);
  }
}

function named(name, message) {
  const error = new Error(message);
  Object.defineProperty(error, 'name', { value: name, writable: true, configurable: true });
  return error;
}
