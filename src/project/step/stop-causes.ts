/** The reason why a running step is stopped. */
export type StopCause = 'cancelled' | 'step-timeout' | 'sandbox-timeout';

export interface StopSources {
  /** Cancels the whole run. */
  readonly cancel: AbortSignal;
  /** Aborts when the sandbox's `timeout` has passed. */
  readonly deadline: AbortSignal;
  /** Timeout of this attempt; null for none. */
  readonly timeoutMs: number | null;
}

/** Watches for the first reason to stop a step. */
export interface StopWatcher {
  /** Resolves with the first cause; stays pending if there is none. */
  readonly stopped: Promise<StopCause>;
  /** Removes its timer and listeners. May be called twice. */
  dispose(): void;
}

/** Longest delay of a Node timer (2^31-1 ms, about 24 days); longer limits are cut to it. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Starts a timer for a limit of any length. */
export function startTimer(limitMs: number, expire: () => void): NodeJS.Timeout {
  return setTimeout(expire, Math.min(limitMs, MAX_TIMER_MS));
}

/** Starts to watch for a cancel, the sandbox's timeout and the attempt's timeout. */
export function watchForStop({ cancel, deadline, timeoutMs }: StopSources): StopWatcher {
  const listening = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Promise<StopCause>((resolve) => {
    const listen = (signal: AbortSignal, cause: StopCause) => {
      if (signal.aborted) resolve(cause);
      signal.addEventListener('abort', () => resolve(cause), { signal: listening.signal });
    };
    listen(cancel, 'cancelled');
    listen(deadline, 'sandbox-timeout');
    if (timeoutMs !== null) timer = startTimer(timeoutMs, () => resolve('step-timeout'));
  });
  return {
    stopped,
    dispose: () => {
      clearTimeout(timer);
      listening.abort();
    },
  };
}
