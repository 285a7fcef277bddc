import { Transform, type TransformCallback } from 'node:stream';
import { Scrubber, type ScrubPatterns } from './scrubber.ts';

/** Passes an answer's body on with each secret turned back into its placeholder. May change its length. */
export class ScrubStream extends Transform {
  readonly #scrubber: Scrubber;

  constructor(patterns: ScrubPatterns) {
    super({ highWaterMark: 64 * 1024 });
    this.#scrubber = new Scrubber(patterns);
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    for (const piece of this.#scrubber.push(chunk)) this.push(piece);
    callback();
  }

  override _flush(callback: TransformCallback): void {
    for (const piece of this.#scrubber.end()) this.push(piece);
    callback();
  }
}
