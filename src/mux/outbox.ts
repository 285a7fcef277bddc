import type { Duplex } from 'node:stream';

/** One frame to send. Bulk payloads are not copied after their header. */
export interface OutFrame {
  readonly header: Buffer;
  readonly payload: Buffer | null;
  /** Called once the channel has taken the bytes, with an error when it failed. */
  readonly onWritten: ((error?: Error | null) => void) | null;
}

/** A stream, as the outbox sees it. Both methods return null when there is nothing to send now. */
export interface OutboxSource {
  nextFrame(): OutFrame | null;
  nextGrant(): Buffer | null;
}

/**
 * Orders the frames of one channel and never writes more than it accepts: control frames first, in order; then due
 * `CREDIT`s, one per stream; then one `DATA` of each ready stream in turn.
 */
export class Outbox {
  readonly #channel: Duplex;
  readonly #control: { readonly bytes: Buffer; readonly onTaken: (() => void) | null }[] = [];
  readonly #grants = new Set<OutboxSource>();
  /** In the order of their turns: a stream that has sent goes to the end. */
  readonly #ready = new Set<OutboxSource>();
  #isBlocked = false;
  #isPumping = false;
  #isPumpDue = false;
  #isTickDue = false;
  #isGathering = false;
  #isClosed = false;
  #isCorked = false;
  #isCorkWanted = false;

  constructor(channel: Duplex) {
    this.#channel = channel;
    channel.on('drain', () => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  /** Queues a whole frame. `onTaken` is called when it leaves the queue. */
  control(bytes: Buffer, onTaken: (() => void) | null = null): void {
    this.#control.push({ bytes, onTaken });
    this.#pumpAfterTick();
  }

  /** Sends `last` after the queued control frames, then nothing until `uncork`. While corked, sends it at once. */
  cork(last: Buffer): void {
    if (this.#isCorked) {
      this.#write(last);
      return;
    }
    this.#isCorkWanted = true;
    this.control(last, () => {
      this.#isCorked = this.#isCorkWanted;
    });
    this.#pump();
  }

  /** Sends `first` ahead of everything queued since `cork`, then the rest. */
  uncork(first: Buffer): void {
    this.#isCorkWanted = false;
    if (!this.#isCorked) {
      this.control(first);
      return;
    }
    this.#isCorked = false;
    this.#write(first);
    this.#pump();
  }

  /** Runs `work`, then sends all that it queued in one system call. */
  gather<T>(work: () => T): T {
    if (this.#isGathering) return work();
    this.#isGathering = true;
    try {
      return work();
    } finally {
      this.#isGathering = false;
      this.#pump();
    }
  }

  /** Notes that a stream has a `CREDIT` to send. */
  grant(source: OutboxSource): void {
    this.#grants.add(source);
    this.#pumpSoon();
  }

  /** Notes that a stream has data to send, or new credit for it. */
  ready(source: OutboxSource): void {
    this.#ready.add(source);
    this.#pumpSoon();
  }

  /** Sends what is ready, as far as the channel accepts it, without waiting for the end of the turn. */
  flush(): void {
    this.#pump();
  }

  remove(source: OutboxSource): void {
    this.#ready.delete(source);
    this.#grants.delete(source);
  }

  close(): void {
    this.#isClosed = true;
    this.#control.length = 0;
    this.#ready.clear();
    this.#grants.clear();
  }

  /**
   * Sends what the running code and what it resolves queue in one system call, which reaches the guest as one interrupt and
   * one wake-up: each costs QEMU several changes of thread.
   */
  #pumpAfterTick(): void {
    if (this.#isTickDue || this.#isBlocked) return;
    this.#isTickDue = true;
    process.nextTick(() => {
      this.#isTickDue = false;
      this.#pump();
    });
  }

  /** Sends the frames of one turn of the event loop in one system call. */
  #pumpSoon(): void {
    if (this.#isPumpDue || this.#isBlocked) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isGathering || this.#isPumping || this.#isBlocked || this.#isClosed) return;
    this.#isPumping = true;
    // One system call for all that fits the channel's buffer, not one for each header and payload.
    this.#channel.cork();
    try {
      while (!this.#isBlocked && !this.#isClosed && !this.#isCorked && this.#writeNext());
    } finally {
      this.#channel.uncork();
      this.#isPumping = false;
    }
  }

  #writeNext(): boolean {
    const control = this.#control.shift();
    if (control !== undefined) {
      this.#write(control.bytes);
      control.onTaken?.();
      return true;
    }
    for (const source of this.#grants) {
      this.#grants.delete(source);
      const grant = source.nextGrant();
      if (grant === null) continue;
      this.#write(grant);
      return true;
    }
    for (const source of this.#ready) {
      this.#ready.delete(source);
      const frame = source.nextFrame();
      if (frame === null) continue;
      this.#ready.add(source);
      this.#writeFrame(frame);
      return true;
    }
    return false;
  }

  #writeFrame({ header, payload, onWritten }: OutFrame): void {
    if (payload === null) {
      this.#write(header, onWritten);
      return;
    }
    this.#write(header);
    this.#write(payload, onWritten);
  }

  #write(bytes: Buffer, onWritten: OutFrame['onWritten'] = null): void {
    const hasRoom =
      onWritten === null ? this.#channel.write(bytes) : this.#channel.write(bytes, onWritten);
    if (!hasRoom) this.#isBlocked = true;
  }
}
