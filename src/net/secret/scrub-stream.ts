import { Transform, type TransformCallback } from 'node:stream';
import type { ScrubPatterns } from './scrub-patterns.ts';
import { Scrubber } from './scrubber.ts';

/** A sender that says nothing for so long may be waiting for an answer to what it said. */
const PAUSE_MS = 20;

/** Passes an answer's body on with each secret turned back into its placeholder. May change its length. */
export class ScrubStream extends Transform {
  readonly #scrubber: Scrubber;
  #timer: NodeJS.Timeout | undefined;

  constructor(patterns: ScrubPatterns) {
    super({ highWaterMark: 64 * 1024 });
    this.#scrubber = new Scrubber(patterns);
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    clearTimeout(this.#timer);
    this.#pass(this.#scrubber.push(chunk));
    if (this.#scrubber.isReleasable) {
      this.#timer = setTimeout(() => this.#pass(this.#scrubber.release()), PAUSE_MS);
    }
    callback();
  }

  override _flush(callback: TransformCallback): void {
    clearTimeout(this.#timer);
    this.#pass(this.#scrubber.end());
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    callback(error);
  }

  #pass(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.push(piece);
  }
}
