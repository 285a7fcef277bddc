import type { ScrubPatterns } from './scrub-patterns.ts';

/**
 * Replaces the matches of the patterns in a stream of chunks: the first match wins, and the longest of those with the same
 * start. The result does not depend on the chunks.
 *
 * A guest can have guesses echoed and count the missing bytes. The bytes held back are therefore the same for every value:
 * those at the end that could be part of any value, up to the window. Message ends of JSON, lines and event streams pass
 * at once.
 */
export class Scrubber {
  readonly #patterns: ScrubPatterns;
  #held: Buffer = Buffer.alloc(0);

  constructor(patterns: ScrubPatterns) {
    this.#patterns = patterns;
  }

  /** Returns the bytes that are settled, in order; may share memory with `chunk`. */
  push(chunk: Buffer): Buffer[] {
    if (chunk.length === 0) return [];
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    return this.#scrub(bytes, this.#patterns.openEnd(bytes));
  }

  /** Returns the rest; the scrubber is empty again afterwards. */
  end(): Buffer[] {
    return this.#scrub(this.#held, this.#held.length);
  }

  /** @param settledBytes  Every match that starts before it is complete. */
  #scrub(bytes: Buffer, settledBytes: number): Buffer[] {
    const output: Buffer[] = [];
    let cursor = 0;
    for (const { start, end, pattern } of this.#patterns.matches(bytes)) {
      if (start >= settledBytes) break;
      if (start < cursor) continue;
      output.push(bytes.subarray(cursor, start), pattern.render(bytes.subarray(start, end)));
      cursor = end;
    }
    const limit = Math.max(cursor, settledBytes);
    output.push(bytes.subarray(cursor, limit));
    // A copy: a few bytes must not keep a large chunk alive.
    this.#held = Buffer.from(bytes.subarray(limit));
    return output.filter((piece) => piece.length > 0);
  }
}

/** Scrubs complete bytes, such as a header or a message. */
export function scrubWhole(patterns: ScrubPatterns, bytes: Buffer): Buffer {
  const scrubber = new Scrubber(patterns);
  return Buffer.concat([...scrubber.push(bytes), ...scrubber.end()]);
}
