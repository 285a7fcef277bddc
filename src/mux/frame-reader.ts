import type { Duplex } from 'node:stream';
import type { Frame } from '../protocol/frame.ts';
import { FrameDecoder } from '../protocol/frame-decoder.ts';
import { TurnQueue, TurnScheduler } from '../util/turn-scheduler.ts';

/** Schedules the frames of guests. Slice: docs/limits.md. */
const FRAME_TURNS = new TurnScheduler({ sliceMs: 2 });

/** `OPEN`s of one guest handled in one turn: the work each causes (judging, dialling) runs later, where no clock is read. */
const MAX_OPENS_PER_TURN = 64;

/** Receives the frames, and the errors of a guest that breaks a rule. */
export interface FrameHandling {
  /** Untrusted. What it throws goes to `fail`. */
  handle(frame: Frame): void;
  fail(error: unknown): void;
}

/**
 * Reads the frames of one channel, within the slice that all guests share in each turn of the event loop. The channel is
 * paused while frames wait, so a guest that floods it is itself held back.
 */
export class FrameReader {
  readonly #channel: Duplex;
  readonly #handling: FrameHandling;
  readonly #decoder = new FrameDecoder('guest');
  readonly #turns: TurnQueue;
  /** The turn in which `#opens` were counted. */
  #openTurn = -1;
  #opens = 0;
  /** True while the last chunk may hold frames that were not handled. */
  #isBehind = false;
  #isStopped = false;

  constructor(channel: Duplex, handling: FrameHandling, scheduler: TurnScheduler = FRAME_TURNS) {
    this.#channel = channel;
    this.#handling = handling;
    this.#turns = new TurnQueue(scheduler);
  }

  /** Call once. */
  start(): void {
    this.#channel.on('data', (chunk: Buffer) => {
      if (this.#isStopped) return;
      this.#decoder.push(chunk);
      this.#isBehind = true;
      this.#turns.run(this.#read);
      if (this.#isBehind) this.#channel.pause();
    });
  }

  /** No frame is handled after it. */
  stop(): void {
    this.#isStopped = true;
    this.#turns.close();
  }

  readonly #read = (): void => {
    try {
      while (!this.#isStopped) {
        if (this.#isTurnOver()) {
          this.#turns.later(this.#read);
          return;
        }
        const frame = this.#decoder.next();
        if (frame === null) {
          this.#isBehind = false;
          if (this.#channel.isPaused()) this.#channel.resume();
          return;
        }
        if (frame.type === 'OPEN') this.#opens += 1;
        this.#handling.handle(frame);
      }
    } catch (error) {
      this.#handling.fail(error);
    }
  };

  #isTurnOver(): boolean {
    if (this.#turns.turn !== this.#openTurn) {
      this.#openTurn = this.#turns.turn;
      this.#opens = 0;
    }
    return this.#opens >= MAX_OPENS_PER_TURN || this.#turns.isSpent;
  }
}
