/** How long requests of guests are begun before the event loop turns, in milliseconds: docs/limits.md. */
const SLICE_MS = 2;

/** One VM's requests that wait for a turn, in the order they came. */
export class RequestTurns {
  readonly #scheduler: TurnScheduler;
  readonly #waiting: (() => void)[] = [];

  constructor(scheduler: TurnScheduler = PROCESS_TURNS) {
    this.#scheduler = scheduler;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Calls `begin` now where no request waits and the slice of this turn lasts, else in a later turn. */
  run(begin: () => void): void {
    if (this.#scheduler.mayRunNow()) begin();
    else {
      this.#waiting.push(begin);
      this.#scheduler.wait(this);
    }
  }

  /** For the scheduler. */
  runFirst(): void {
    this.#waiting.shift()?.();
  }
}

/**
 * Judging a request, looking through its head and building its call take a millisecond for a head that was made for it,
 * and one HTTP/2 packet can hold a thousand of them. All VMs share a slice of each turn; those whose requests wait take
 * turns.
 */
export class TurnScheduler {
  readonly #queues = new Set<RequestTurns>();
  readonly #nowMs: () => number;
  #startedMs: number | null = null;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  mayRunNow(): boolean {
    return this.#queues.size === 0 && this.#lasts();
  }

  wait(queue: RequestTurns): void {
    this.#queues.add(queue);
  }

  #lasts(): boolean {
    if (this.#startedMs === null) {
      this.#startedMs = this.#nowMs();
      setImmediate(() => this.#turn());
    }
    return this.#nowMs() - this.#startedMs < SLICE_MS;
  }

  #turn(): void {
    this.#startedMs = null;
    while (this.#queues.size > 0 && this.#lasts()) {
      const [queue] = this.#queues;
      if (queue === undefined) return;
      this.#queues.delete(queue);
      queue.runFirst();
      if (queue.length > 0) this.#queues.add(queue);
    }
  }
}

const PROCESS_TURNS = new TurnScheduler();
