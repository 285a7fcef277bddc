/** How long requests of guests are served before the event loop turns, in milliseconds: docs/limits.md. */
const SLICE_MS = 1;

/*
 * Providers mostly reply at once, and awaiting such replies makes microtasks only: without this, one guest's requests
 * would hold up timers, signals and all other VMs for as long as they come. One slice is served in each turn of the
 * event loop; VMs whose jobs wait take turns.
 */

/** VMs with jobs, in the order they are served. */
const waiting = new Set<Turn>();
/** When serving began in this turn of the event loop; null before. */
let startedMs: number | null = null;

function begin(): number {
  if (startedMs === null) {
    startedMs = performance.now();
    setImmediate(turnOver);
  }
  return startedMs;
}

function turnOver(): void {
  startedMs = null;
  const [turn] = waiting;
  if (turn === undefined) return;
  waiting.delete(turn);
  begin();
  turn.runOne();
}

/** One VM's place among those whose requests are served. */
export class Turn {
  #jobs: (() => void)[] = [];

  /** True when the slice of this turn is used up: what is left goes into {@link next}. */
  get isSpent(): boolean {
    return performance.now() - begin() >= SLICE_MS;
  }

  /** Runs `job` now when nobody waits and the slice lasts, else in a later turn. */
  run(job: () => void): void {
    if (waiting.size === 0 && !this.isSpent) job();
    else this.#queue(job);
  }

  /** Resolves in a later turn of the event loop. Never rejects; never resolves after {@link clear}. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#queue(resolve));
  }

  #queue(job: () => void): void {
    this.#jobs.push(job);
    waiting.add(this);
    begin();
  }

  /** Runs the first job, for the turn that is this VM's. */
  runOne(): void {
    const job = this.#jobs.shift();
    if (this.#jobs.length > 0) waiting.add(this);
    job?.();
  }

  /** Drops what waits: the VM is over. */
  clear(): void {
    this.#jobs = [];
    waiting.delete(this);
  }
}
