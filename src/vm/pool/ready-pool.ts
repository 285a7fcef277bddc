import { GondolinError } from '../../errors/gondolin-error.ts';
import { WaitingLine } from './waiting-line.ts';

/** A thing that a pool keeps ready. */
export interface PoolItem {
  /** Rejects when it ends by itself. */
  readonly failure: Promise<never>;
  end(): Promise<void>;
}

export interface ReadyPoolOptions<T> {
  /** An item in the message of POOL_EXHAUSTED. @default 'VM' */
  readonly noun?: 'VM' | 'sandbox';
  /** Items that wait. */
  readonly size: number;
  /** Items there are at once: started, waiting and taken. */
  readonly limit: number;
  /** Items that are started at once while somebody waits for one. */
  readonly startsAtOnce: number;
  /** Time that `take` waits, in milliseconds. */
  readonly waitMs: number;
  readonly start: (signal: AbortSignal) => Promise<T>;
  /** Receives the error of an item that was not started, or ended while it waited, when nobody waited for it. */
  readonly onFailure: (error: unknown) => void;
}

/** Time for the first command of what was taken last: a start occupies a processor. */
const REFILL_DELAY_MS = 100;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

function closed(): GondolinError {
  return new GondolinError('POOL_CLOSED', 'the pool was closed');
}

/**
 * Keeps items ready, and starts others for those that were taken. Who finds none ready waits in order of arrival, and gets the
 * error of a start that fails meanwhile. After a failure, what nobody
 * waits for is started 1 s later, then 2 s, 4 s, up to 60 s.
 */
export class ReadyPool<T extends PoolItem> {
  readonly #options: ReadyPoolOptions<T>;
  readonly #line = new WaitingLine<T>();
  readonly #idle = new Set<T>();
  readonly #starts = new Set<Promise<void>>();
  /** Items that are being ended: their memory is still in use. */
  readonly #ends = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #taken = 0;
  /** Items that were taken and are not in use yet: nothing is started behind them, which would slow them down. */
  #held = 0;
  #failures = 0;
  #lastFailure: unknown;
  #pause: NodeJS.Timeout | null = null;
  #refillDelay: NodeJS.Timeout | null = null;
  #readyWaits: (() => void)[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: ReadyPoolOptions<T>) {
    this.#options = options;
    this.#fill();
  }

  get idle(): number {
    return this.#idle.size;
  }

  /** Items that are started, waiting and taken. */
  get count(): number {
    return this.#starts.size + this.#idle.size + this.#taken;
  }

  /**
   * Takes an item; the caller calls `settled` once it uses it, and `free` when it has ended.
   * @throws {GondolinError} POOL_CLOSED, POOL_EXHAUSTED; the error of a start; the signal's reason.
   */
  async take(signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw closed();
    const [ready] = this.#idle;
    if (ready !== undefined) return this.#hand(ready);
    const { waitMs } = this.#options;
    const waiting = this.#line.join({ limitMs: waitMs, late: () => this.#exhausted(), signal });
    this.#fill();
    return waiting;
  }

  #hand(item: T): T {
    this.#idle.delete(item);
    this.#taken += 1;
    this.#held += 1;
    this.#failures = 0;
    return item;
  }

  /** A taken item is in use, or its use has failed. */
  settled(): void {
    this.#held -= 1;
    if (this.#refillDelay !== null) clearTimeout(this.#refillDelay);
    this.#refillDelay = setTimeout(() => {
      this.#refillDelay = null;
      this.#fill();
    }, REFILL_DELAY_MS);
    this.#refillDelay.unref();
    this.#fill();
  }

  /** A taken item has ended. */
  free(): void {
    this.#taken -= 1;
    this.#fill();
  }

  /** Resolves once `size` items are ready. @throws the error of a start that failed meanwhile; POOL_CLOSED. */
  async ready(): Promise<void> {
    const earlier = this.#lastFailure;
    while (this.#idle.size < this.#options.size) {
      if (this.#closed !== undefined) throw closed();
      if (this.#lastFailure !== earlier) throw this.#lastFailure;
      const changed = new Promise<void>((resolve) => this.#readyWaits.push(resolve));
      this.#startMissing();
      await changed;
    }
  }

  #exhausted(): GondolinError {
    const { limit, waitMs, noun = 'VM' } = this.#options;
    const most = Number.isFinite(limit) ? ` of at most ${limit}` : '';
    const used = `${this.#taken}${most} are in use, ${this.#starts.size} starting`;
    return new GondolinError('POOL_EXHAUSTED', `no ${noun} was free within ${waitMs} ms: ${used}`, {
      details: { inUse: this.#taken, limit },
    });
  }

  /** Starts what is missing. */
  #fill(): void {
    for (const wake of this.#readyWaits.splice(0)) wake();
    this.#startMissing();
  }

  #startMissing(): void {
    while (this.#closed === undefined && this.#isMissing()) this.#start();
  }

  #isMissing(): boolean {
    const { size, limit, startsAtOnce } = this.#options;
    const starts = this.#starts.size;
    if (this.count + this.#ends.size >= limit) return false;
    if (this.#line.length > starts) return starts < startsAtOnce;
    // Who waits in `ready` needs it now.
    const isDue = this.#readyWaits.length > 0 || (this.#refillDelay ?? this.#pause) === null;
    const isQuiet = this.#held === 0 && starts === 0;
    return isDue && isQuiet && this.#idle.size < size;
  }

  #start(): void {
    const start: Promise<void> = this.#options.start(this.#closing.signal).then(
      (item) => {
        this.#starts.delete(start);
        this.#add(item);
      },
      (error: unknown) => {
        this.#starts.delete(start);
        if (this.#closed === undefined) this.#failed(error);
      },
    );
    this.#starts.add(start);
  }

  #add(item: T): void {
    if (this.#closed !== undefined) {
      this.#end(item);
      return;
    }
    item.failure.catch((error: unknown) => {
      if (!this.#idle.delete(item)) return;
      this.#end(item);
      this.#failed(error);
    });
    const waiter = this.#line.first();
    if (waiter === undefined) this.#idle.add(item);
    else waiter.resolve(this.#hand(item));
    this.#fill();
  }

  #end(item: T): void {
    const end: Promise<void> = item.end().finally(() => {
      this.#ends.delete(end);
      this.#fill();
    });
    this.#ends.add(end);
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    this.#lastFailure = error;
    const waiter = this.#line.first();
    if (waiter === undefined) this.#options.onFailure(error);
    else waiter.reject(error);
    this.#pauseStarts();
    this.#fill();
  }

  #pauseStarts(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#fill();
    }, pauseMs);
    this.#pause.unref();
  }

  /** Ends the items that are ready or being started; who waits gets POOL_CLOSED. Those that were taken are left alone. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // After the caller has set `#closed`.
    await Promise.resolve();
    if (this.#pause !== null) clearTimeout(this.#pause);
    if (this.#refillDelay !== null) clearTimeout(this.#refillDelay);
    this.#closing.abort(closed());
    this.#line.rejectAll(closed());
    for (const item of this.#idle) this.#end(item);
    this.#idle.clear();
    this.#fill();
    await Promise.all(this.#starts);
    await Promise.all(this.#ends);
  }
}
