import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Machine } from '../../machine/start-machine.ts';
import type { VMOptions } from '../vm-options.ts';

/** TCG on a busy two-core machine needs 3 s; the rest is reserve for slower hosts. */
const DEFAULT_START_TIMEOUT_MS = 60_000;

export interface StartLimits {
  /** Rejects when the time is up or the start is cancelled, unless `release` was called before. */
  readonly exceeded: Promise<never>;
  /** Names the machine whose console the timeout's error shows. */
  watch(machine: Machine): void;
  /** Ends both limits. */
  release(): void;
}

/** Starts the clock of one start: `startTimeoutMs` and `signal` of its options. */
export function startLimits({
  startTimeoutMs = DEFAULT_START_TIMEOUT_MS,
  signal,
}: VMOptions): StartLimits {
  let machine: Machine | null = null;
  let release: () => void = () => undefined;
  const exceeded = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      const message = `guest was not ready after ${startTimeoutMs} ms`;
      const details = { console: machine?.consoleTail() ?? '' };
      reject(new GondolinError('VM_BOOT_TIMEOUT', message, { details }));
    }, startTimeoutMs);
    const abort = () =>
      reject(new GondolinError('VM_START_ABORTED', 'start of the VM was cancelled'));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    release = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  });
  exceeded.catch(() => undefined);
  return {
    exceeded,
    watch: (started) => {
      machine = started;
    },
    release,
  };
}
