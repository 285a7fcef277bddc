export interface TurnSchedulerOptions {
  /** Time that jobs may run before the event loop turns, in milliseconds. */
  readonly sliceMs: number;
  /** Waiting jobs that one turn starts, for jobs whose work mostly follows in microtasks. @default no limit */
  readonly maxJobs?: number;
  /** @default performance.now */
  readonly nowMs?: () => number;
}

/**
 * Limits one kind of work for guests to a slice of each turn of the event loop. All owners (VMs) share the slice: more of them
 * do not make a turn longer, and those with waiting jobs take turns. Without it a flood from one guest would delay timers,
 * signals and all other VMs for as long as it lasts: promises that are already settled never let the loop turn.
 */
export class TurnScheduler {
  readonly #sliceMs: number;
  readonly #maxJobs: number;
  readonly #nowMs: () => number;
  /** Queues with waiting jobs, in the order they are served. */
  readonly #waiting = new Set<TurnQueue>();
  /** Time at which work began in this turn; null before. */
  #startedMs: number | null = null;
  #turn = 0;

  constructor({ sliceMs, maxJobs, nowMs }: TurnSchedulerOptions) {
    this.#sliceMs = sliceMs;
    this.#maxJobs = maxJobs ?? Number.POSITIVE_INFINITY;
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  /** Number of the current turn; it increases after each turn in which there was work. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether the slice of this turn is used up. The first read in a turn starts its slice. */
  get isSpent(): boolean {
    return this.#nowMs() - this.#begin() >= this.#sliceMs;
  }

  /** Whether any queue has jobs that wait for a later turn. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Adds a queue that has a waiting job. For {@link TurnQueue}. */
  add(queue: TurnQueue): void {
    this.#waiting.add(queue);
    this.#begin();
  }

  /** Removes a queue that has no waiting job any more. For {@link TurnQueue}. */
  remove(queue: TurnQueue): void {
    this.#waiting.delete(queue);
  }

  #begin(): number {
    if (this.#startedMs === null) {
      this.#startedMs = this.#nowMs();
      setImmediate(() => this.#turnOver());
    }
    return this.#startedMs;
  }

  #turnOver(): void {
    this.#startedMs = null;
    this.#turn += 1;
    for (let jobs = 0; jobs < this.#maxJobs; jobs += 1) {
      const [queue] = this.#waiting;
      if (queue === undefined || this.isSpent) return;
      this.#waiting.delete(queue);
      queue.runFirst();
    }
  }
}

interface Job {
  readonly run: () => void;
  /** Called instead of `run` when the queue is closed. */
  readonly cancel: (reason: unknown) => void;
}

/** The jobs of one owner, in order. */
export class TurnQueue {
  readonly #scheduler: TurnScheduler;
  readonly #jobs: Job[] = [];
  #closed: { readonly reason: unknown } | null = null;

  constructor(scheduler: TurnScheduler) {
    this.#scheduler = scheduler;
  }

  /** Number of the scheduler's current turn. */
  get turn(): number {
    return this.#scheduler.turn;
  }

  /** Whether the slice of this turn is used up, or the queue closed: the remaining work then waits for {@link next}. */
  get isSpent(): boolean {
    return this.#closed !== null || this.#scheduler.isSpent;
  }

  /** Runs `job` now if no queue waits and the slice is not used up, else in a later turn; never after {@link close}. */
  run(job: () => void): void {
    if (!this.#scheduler.hasWaiting && !this.isSpent) job();
    else this.later(job);
  }

  /** Runs `job` in a later turn; never after {@link close}. */
  later(job: () => void): void {
    this.#add({ run: job, cancel: () => undefined });
  }

  /** Resolves in a later turn; rejects with the reason of {@link close}. */
  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#add({ run: resolve, cancel: reject });
    });
  }

  #add(job: Job): void {
    if (this.#closed !== null) {
      job.cancel(this.#closed.reason);
      return;
    }
    this.#jobs.push(job);
    this.#scheduler.add(this);
  }

  /** Runs the first job. For {@link TurnScheduler}. */
  runFirst(): void {
    const job = this.#jobs.shift();
    if (this.#jobs.length > 0) this.#scheduler.add(this);
    job?.run();
  }

  /** Cancels the waiting jobs and those added later. @param reason  The reason with which `next` rejects. */
  close(reason?: unknown): void {
    this.#closed ??= { reason };
    this.#scheduler.remove(this);
    for (const { cancel } of this.#jobs.splice(0)) cancel(this.#closed.reason);
  }
}
