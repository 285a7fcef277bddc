import type { VMEvent } from './vm-event.ts';

/** Events that wait for one consumer; about 10 MiB at the most, since texts of events are bounded. */
export const MAX_QUEUED_EVENTS = 1_000;

type Result = IteratorResult<VMEvent, undefined>;

/** The events of one consumer: as many as there is room for, and the number of those that were dropped where they are missing. */
export class EventQueue implements AsyncIterableIterator<VMEvent, undefined> {
  readonly #onReturn: () => void;
  readonly #queued: VMEvent[] = [];
  readonly #waiting: ((result: Result) => void)[] = [];
  #dropped = 0;
  #isOver = false;

  /** @param onReturn  Called when the consumer leaves. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  push(event: VMEvent): void {
    if (this.#isOver) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting({ value: event, done: false });
      return;
    }
    // One place less, so that the number of those dropped before it fits too.
    if (this.#queued.length >= MAX_QUEUED_EVENTS - 1) {
      this.#dropped++;
      return;
    }
    this.#noteDropped();
    this.#queued.push(event);
  }

  #noteDropped(): void {
    if (this.#dropped === 0) return;
    this.#queued.push({ type: 'dropped', timestamp: Date.now(), count: this.#dropped });
    this.#dropped = 0;
  }

  /** No more events: the consumer gets what is queued, then the end. */
  end(): void {
    this.#isOver = true;
    for (const resolve of this.#waiting.splice(0)) resolve({ value: undefined, done: true });
  }

  next(): Promise<Result> {
    if (this.#queued.length === 0) this.#noteDropped();
    const event = this.#queued.shift();
    if (event !== undefined) return Promise.resolve({ value: event, done: false });
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<Result> {
    this.#queued.length = 0;
    this.#dropped = 0;
    this.end();
    this.#onReturn();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
