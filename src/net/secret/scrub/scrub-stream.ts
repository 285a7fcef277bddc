import { Transform, type TransformCallback } from 'node:stream';
import type { ScrubPatterns } from './scrub-patterns.ts';
import { Scrubber } from './scrubber.ts';

/** Replaces secrets in the body of a response by their placeholders. May change its length. */
export class ScrubStream extends Transform {
  readonly #scrubber: Scrubber;

  constructor(patterns: ScrubPatterns) {
    super({ highWaterMark: 64 * 1024 });
    this.#scrubber = new Scrubber(patterns);
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    this.#pass(this.#scrubber.push(chunk));
    callback();
  }

  override _flush(callback: TransformCallback): void {
    this.#pass(this.#scrubber.end());
    callback();
  }

  #pass(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.push(piece);
  }
}
