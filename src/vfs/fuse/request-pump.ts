import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { IN_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';
import { type FuseRequest, FuseRequestDecoder } from '../../protocol/fuse/fuse-request.ts';
import type { TurnQueue } from '../../util/turn-scheduler.ts';
import { Budget } from '../bounds/budget.ts';
import { MAX_REQUESTS_UNDER_WAY, REPLY_BYTES, REQUEST_BYTES } from '../bounds/limits.ts';
import { ReplyBuffers } from '../bounds/reply-buffers.ts';
import { RequestReservation, type RequestResources } from '../bounds/request-reservation.ts';
import { VfsError } from '../vfs-error.ts';
import { ReplySlots, type SlotDisk } from './reply-slots.ts';

export interface RequestPumpOptions {
  readonly turns: TurnQueue;
  /** Returns the reply message, or null for none. Rejects only with GUEST_PROTOCOL. */
  readonly serve: (request: FuseRequest, room: RequestReservation) => Promise<Buffer | null>;
  /** Called once, when the guest breaks the protocol; no request is taken after it. */
  readonly onBroken: (error: GondolinError) => void;
}

/**
 * Reads requests from the file channel and writes their replies. A request is under way until its reply is drained, so
 * the pump stops reading a guest that does not read its replies. The bounds are in `bounds/limits.ts`.
 */
export class RequestPump {
  readonly #options: RequestPumpOptions;
  readonly #decoder = new FuseRequestDecoder();
  readonly #resources: RequestResources = {
    requests: new Budget(REQUEST_BYTES),
    replies: new Budget(REPLY_BYTES),
    buffers: new ReplyBuffers(),
  };
  #channel: Duplex | null = null;
  /** Null when the guest has no disk for replies. */
  #slots: ReplySlots | null = null;
  /** A decoded request that does not fit the budget of request bytes yet. */
  #parked: FuseRequest | null = null;
  #underWay = 0;
  /** Requests under way that a provider is still serving. */
  #serving = 0;
  #isQueued = false;
  #isQuiescing = false;
  #isOver = false;
  #onIdle: (() => void)[] = [];
  #onClosed: (() => void)[] = [];
  /** Bytes from the guest since the machine's start. */
  bytesIn = 0;
  /** Bytes for the guest since the machine's start. */
  bytesOut = 0;

  constructor(options: RequestPumpOptions) {
    this.#options = options;
  }

  /** Bytes of requests and replies that this process holds for the guest. */
  get heldBytes(): number {
    return this.#resources.requests.used + this.#resources.replies.used;
  }

  /** Requests that are being served or whose reply is not drained, 0..MAX_REQUESTS_UNDER_WAY. */
  get underWay(): number {
    return this.#underWay;
  }

  /** True when every byte received was part of a request that is served by now. */
  get isAtRest(): boolean {
    return this.#isIdle && this.#decoder.pendingBytes === 0;
  }

  get #isIdle(): boolean {
    return this.#underWay === 0 && this.#parked === null && !this.#isQueued;
  }

  attach(channel: Duplex, replyDisk: SlotDisk | null): void {
    this.#channel = channel;
    this.#slots = replyDisk === null ? null : new ReplySlots(replyDisk);
    channel.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      this.bytesIn += chunk.length;
      this.#decoder.push(chunk);
      this.#schedule();
      this.#steer();
    });
  }

  /** Writes a notification or reply. Calls `onDrained` once it has left this process or never will. */
  write(message: Buffer, onDrained: () => void = () => undefined): void {
    if (this.#isOver || this.#channel?.writable !== true) {
      onDrained();
      return;
    }
    this.bytesOut += message.length;
    this.#channel.write(message, onDrained);
  }

  #schedule(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#options.turns.run(() => {
      this.#isQueued = false;
      this.#dispatch();
    });
  }

  get #mayTake(): boolean {
    const isFull = this.#underWay >= MAX_REQUESTS_UNDER_WAY;
    return !this.#isOver && !isFull && this.#resources.replies.waiters === 0;
  }

  #dispatch(): void {
    try {
      while (this.#mayTake) {
        if (this.#options.turns.isSpent) {
          this.#schedule();
          break;
        }
        const request = this.#parked ?? this.#decoder.next();
        this.#parked = null;
        if (request === null) break;
        if (!this.#start(request)) break;
      }
    } catch (error) {
      this.#break(error);
    }
    this.#steer();
    this.#settleIdle();
  }

  /** Starts serving a request, or parks it until another one ends when there is no room for its bytes. */
  #start(request: FuseRequest): boolean {
    const bytes = IN_HEADER_BYTES + request.body.length;
    if (!this.#resources.requests.tryTake(bytes)) {
      this.#parked = request;
      return false;
    }
    this.#underWay++;
    this.#slots?.noteTaken(request.repliesTaken);
    void this.#serve(request, new RequestReservation(this.#resources, bytes));
    return true;
  }

  async #serve(request: FuseRequest, room: RequestReservation): Promise<void> {
    const finish = () => this.#finish(room);
    this.#serving++;
    try {
      const reply = await this.#options.serve(request, room);
      if (reply === null) finish();
      else this.write(this.#slots?.shorten(reply) ?? reply, finish);
    } catch (error) {
      this.#break(error);
      finish();
    } finally {
      this.#serving--;
      this.#settleClosed();
    }
  }

  #finish(room: RequestReservation): void {
    room.end();
    this.#underWay--;
    const hasMore = this.#parked !== null || this.#decoder.pendingBytes > 0;
    if (hasMore && this.#mayTake) this.#schedule();
    this.#steer();
    this.#settleIdle();
  }

  /** Resumes reading only when everything read is under way and there is room for more. */
  #steer(): void {
    const channel = this.#channel;
    if (channel === null || this.#isOver) return;
    const mayRead = this.#mayTake && !this.#isQuiescing && !this.#isQueued && this.#parked === null;
    if (mayRead && channel.isPaused()) channel.resume();
    else if (!mayRead && !channel.isPaused()) channel.pause();
  }

  #settleIdle(): void {
    if (this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /**
   * Stops reading the channel until {@link resume} and waits until what was read is served.
   * @param limitMs  How long that may take.
   * @returns true when all of it is served and its replies are drained.
   */
  async quiesce(limitMs: number): Promise<boolean> {
    this.#isQuiescing = true;
    this.#steer();
    if (this.#isIdle) return true;
    let timer: NodeJS.Timeout | undefined;
    const isAtRest = await new Promise<boolean>((resolve) => {
      this.#onIdle.push(() => resolve(true));
      if (limitMs !== Number.POSITIVE_INFINITY) timer = setTimeout(resolve, limitMs, false);
    });
    clearTimeout(timer);
    return isAtRest;
  }

  /** Reads the channel again after `quiesce`. */
  resume(): void {
    this.#isQuiescing = false;
    this.#steer();
  }

  #break(error: unknown): void {
    if (!GondolinError.is(error)) throw error;
    if (this.#isOver) return;
    void this.close();
    this.#options.onBroken(error);
  }

  #settleClosed(): void {
    if (this.#serving === 0) for (const resolve of this.#onClosed.splice(0)) resolve();
  }

  /**
   * Stops reading and writing and returns its budgets. Resolves once no request uses a provider any more. May be called
   * twice.
   */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#options.turns.close(new VfsError('EIO'));
    this.#resources.requests.close();
    this.#resources.replies.close();
    if (this.#serving > 0) await new Promise<void>((resolve) => this.#onClosed.push(resolve));
    this.#resources.buffers.clear();
  }
}
