import type { Duplex } from 'node:stream';
import type { Frame } from '../protocol/frame.ts';
import { FrameDecoder } from '../protocol/frame-decoder.ts';

/** Time that one guest's frames may take of each turn of the event loop, in milliseconds. */
const SLICE_MS = 2;

/** `OPEN`s handled in one turn: what follows each (judging, dialling) runs after the slice, where no clock is read. */
const MAX_OPENS_PER_TURN = 64;

/** What to do with frames, and with what breaks a rule. */
export interface FrameHandling {
  /** Untrusted. What it throws goes to `fail`. */
  handle(frame: Frame): void;
  fail(error: unknown): void;
}

/**
 * Reads the frames of one channel, a slice in each turn of the event loop: a guest that floods its channel delays others by
 * a slice, and is itself held back by the channel, which is paused meanwhile.
 */
export class FrameReader {
  readonly #channel: Duplex;
  readonly #handling: FrameHandling;
  readonly #decoder = new FrameDecoder('guest');
  /** Set while a turn is being counted. */
  #sliceEndMs: number | null = null;
  #opens = 0;
  #isPaused = false;
  #isStopped = false;

  constructor(channel: Duplex, handling: FrameHandling) {
    this.#channel = channel;
    this.#handling = handling;
  }

  /** Call once. */
  start(): void {
    this.#channel.on('data', (chunk: Buffer) => {
      if (this.#isStopped) return;
      this.#decoder.push(chunk);
      this.#run();
    });
  }

  /** No frame is handled after it. */
  stop(): void {
    this.#isStopped = true;
  }

  #run(): void {
    this.#beginSlice();
    try {
      while (!this.#isStopped) {
        if (this.#isSliceOver()) {
          this.#isPaused = true;
          this.#channel.pause();
          return;
        }
        const frame = this.#decoder.next();
        if (frame === null) return;
        if (frame.type === 'OPEN') this.#opens += 1;
        this.#handling.handle(frame);
      }
    } catch (error) {
      this.#handling.fail(error);
    }
  }

  /** One slice for all chunks of a turn. */
  #beginSlice(): void {
    if (this.#sliceEndMs !== null) return;
    this.#sliceEndMs = performance.now() + SLICE_MS;
    this.#opens = 0;
    setImmediate(() => this.#endTurn());
  }

  #isSliceOver(): boolean {
    return (
      this.#opens >= MAX_OPENS_PER_TURN ||
      (this.#sliceEndMs !== null && performance.now() >= this.#sliceEndMs)
    );
  }

  #endTurn(): void {
    this.#sliceEndMs = null;
    if (!this.#isPaused || this.#isStopped) return;
    this.#isPaused = false;
    this.#run();
    // The rest of the chunk may have taken a whole slice again.
    if (!this.#isPaused) this.#channel.resume();
  }
}
