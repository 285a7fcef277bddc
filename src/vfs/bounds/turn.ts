import { VfsError } from '../vfs-error.ts';

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

interface Job {
  readonly run: () => void;
  /** The VM is over: it will not run. */
  readonly cancel: () => void;
}

/** One VM's place among those whose requests are served. */
export class Turn {
  #jobs: Job[] = [];
  #isClosed = false;

  /** True when the slice of this turn is used up: what is left goes into {@link next}. */
  get isSpent(): boolean {
    return this.#isClosed || performance.now() - begin() >= SLICE_MS;
  }

  /** Runs `job` now when nobody waits and the slice lasts, else in a later turn; never once the turn is closed. */
  run(job: () => void): void {
    if (waiting.size === 0 && !this.isSpent) job();
    else this.#queue({ run: job, cancel: () => undefined });
  }

  /** Resolves in a later turn of the event loop. @throws {VfsError} EIO when the turn is closed. */
  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue({ run: resolve, cancel: () => reject(new VfsError('EIO')) });
    });
  }

  #queue(job: Job): void {
    if (this.#isClosed) {
      job.cancel();
      return;
    }
    this.#jobs.push(job);
    waiting.add(this);
    begin();
  }

  /** Runs the first job, for the turn that is this VM's. */
  runOne(): void {
    const job = this.#jobs.shift();
    if (this.#jobs.length > 0) waiting.add(this);
    job?.run();
  }

  /** Cancels what waits and what comes later: the VM is over. May be called twice. */
  close(): void {
    this.#isClosed = true;
    waiting.delete(this);
    for (const { cancel } of this.#jobs.splice(0)) cancel();
  }
}
