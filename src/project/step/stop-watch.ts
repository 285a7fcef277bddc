/** Why a running step is stopped. */
export type StopCause = 'cancelled' | 'step-timeout' | 'sandbox-timeout';

export interface StopSources {
  /** Of the whole run. */
  readonly cancel: AbortSignal;
  /** Of the sandbox's `timeout`. */
  readonly deadline: AbortSignal;
  /** Of this attempt; null is none. */
  readonly timeoutMs: number | null;
}

/** The first thing that asks a step to stop. */
export interface StopWatch {
  /** Resolves with the first cause; stays pending when none comes. */
  readonly stopped: Promise<StopCause>;
  /** Removes its timer and listeners. May be called twice. */
  dispose(): void;
}

/** Longest delay of a Node timer (2^31-1 ms, about 24 days): a longer limit is as good as this one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A timer for a limit of any length. */
export function startTimer(limitMs: number, expire: () => void): NodeJS.Timeout {
  return setTimeout(expire, Math.min(limitMs, MAX_TIMER_MS));
}

export function watchForStop({ cancel, deadline, timeoutMs }: StopSources): StopWatch {
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
