import type { EngineClock } from './engine-channel.ts';

/** An engine that is owed less has reached its limit: each answer takes some of its time too. */
const LEAST_MS = 1;

/**
 * The CPU limit of a call in a machine whose kernel counts time in which the machine waited for a processor of the host. At its limit, as the
 * guest counts, the engine asks, and gets the time back that the machine has waited.
 */
export class CpuLimit {
  readonly #limitMs: number;
  readonly #read: EngineClock;
  readonly #begin: ReturnType<EngineClock>;
  #givenMs = 0;

  /** Begins with the call. */
  constructor(limitMs: number, read: EngineClock) {
    this.#limitMs = limitMs;
    this.#read = read;
    this.#begin = read();
  }

  /**
   * Microseconds that the engine gets once more; 0 when it has had all. A machine also waits when its engine has nothing to do, so that what
   * the processor ran bounds it too.
   * @param beforeMs  What the engine did for the last call until it took this one.
   */
  readonly more = (beforeMs: number): number => {
    const waitedMs = this.#since('waitedMs') - this.#givenMs;
    const owedMs = Math.min(waitedMs, this.#limitMs + beforeMs - this.ranMs);
    if (!(owedMs >= LEAST_MS)) return 0;
    this.#givenMs += owedMs;
    return Math.round(owedMs * 1000);
  };

  /** The most that the engine can have had of a processor since the beginning; Infinity when that cannot be known any more. */
  get ranMs(): number {
    return this.#since('ranMs');
  }

  #since(name: 'ranMs' | 'waitedMs'): number {
    const now = this.#read();
    if (now === null || this.#begin === null) return name === 'ranMs' ? Infinity : 0;
    return now[name] - this.#begin[name];
  }
}
