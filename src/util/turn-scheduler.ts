export interface TurnSchedulerOptions {
  /** How long jobs may run before the event loop turns, in milliseconds. */
  readonly sliceMs: number;
  /** Waiting jobs that one turn starts, for jobs whose work mostly follows in microtasks. @default no limit */
  readonly maxJobs?: number;
  /** @default performance.now */
  readonly nowMs?: () => number;
}

/**
 * Gives one kind of guests' work a slice of each turn of the event loop. All owners (VMs) share the slice, so more of
 * them do not make a turn longer, and those whose jobs wait take turns. Without it a flood from one guest would delay
 * timers, signals and all other VMs for as long as it lasts: promises that are already settled never let the loop turn.
 */
export class TurnScheduler {
  readonly #sliceMs: number;
  readonly #maxJobs: number;
  readonly #nowMs: () => number;
  /** Queues with waiting jobs, in the order they are served. */
  readonly #waiting = new Set<TurnQueue>();
  /** When work began in this turn; null before. */
  #startedMs: number | null = null;
  #turn = 0;

  constructor({ sliceMs, maxJobs, nowMs }: TurnSchedulerOptions) {
    this.#sliceMs = sliceMs;
    this.#maxJobs = maxJobs ?? Number.POSITIVE_INFINITY;
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  /** Number of the current turn: rises after each turn in which there was work. */
  get turn(): number {
    return this.#turn;
  }

  /** True when the slice of this turn is used up. The first look in a turn starts its slice. */
  get isSpent(): boolean {
    return this.#nowMs() - this.#begin() >= this.#sliceMs;
  }

  /** True when any queue has jobs that wait for a later turn. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** For {@link TurnQueue}: it has a waiting job. */
  add(queue: TurnQueue): void {
    this.#waiting.add(queue);
    this.#begin();
  }

  /** For {@link TurnQueue}: it has no waiting job any more. */
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
  /** Called in its place when the queue is closed. */
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

  /** As `TurnScheduler.turn`. */
  get turn(): number {
    return this.#scheduler.turn;
  }

  /** True when the slice of this turn is used up, or the queue closed: what is left belongs in {@link next}. */
  get isSpent(): boolean {
    return this.#closed !== null || this.#scheduler.isSpent;
  }

  /** Runs `job` now when no queue waits and the slice lasts, else in a later turn; never once the queue is closed. */
  run(job: () => void): void {
    if (!this.#scheduler.hasWaiting && !this.isSpent) job();
    else this.later(job);
  }

  /** Runs `job` in a later turn; never once the queue is closed. */
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

  /** For {@link TurnScheduler}: runs the first job. */
  runFirst(): void {
    const job = this.#jobs.shift();
    if (this.#jobs.length > 0) this.#scheduler.add(this);
    job?.run();
  }

  /** Cancels the waiting jobs and those added later. @param reason  What `next` rejects with. */
  close(reason?: unknown): void {
    this.#closed ??= { reason };
    this.#scheduler.remove(this);
    for (const { cancel } of this.#jobs.splice(0)) cancel(this.#closed.reason);
  }
}
