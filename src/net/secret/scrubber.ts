import type { BytePattern } from './byte-pattern.ts';
import type { ScrubPatterns } from './scrub-patterns.ts';

const NEWLINE = 0x0a;
interface Match {
  readonly start: number;
  readonly end: number;
  readonly pattern: BytePattern;
}

interface Cut {
  /** All before is done with. */
  readonly cursor: number;
  /** All before was let go already. */
  readonly released: number;
  /** Where a match may begin, or -1. */
  readonly partial: number;
  readonly isLast: boolean;
}

/**
 * Replaces what the patterns find in bytes that come in pieces: the first match wins, the longest of those that start at
 * one place. How the bytes are cut changes nothing. Holds back only an end that a match could still begin in (at most
 * `maxBytes`), so that event streams arrive in time.
 */
export class Scrubber {
  readonly #patterns: ScrubPatterns;
  #held: Buffer = Buffer.alloc(0);
  /** Length of the start of a match that was held back at the beginning of `#held`, or 0. */
  #heldStart = 0;
  /** Bytes at the beginning of `#held` that were let go. */
  #released = 0;

  constructor(patterns: ScrubPatterns) {
    this.#patterns = patterns;
  }

  /** The bytes that are settled, in order; may share memory with `chunk`. */
  push(chunk: Buffer): Buffer[] {
    if (chunk.length === 0) return [];
    return this.#scrub(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false);
  }

  /** True when `release` would give something. */
  get isReleasable(): boolean {
    const { length } = this.#held;
    const isShort = length <= this.#patterns.releasableBytes && !this.#patterns.isStrict;
    return isShort && length > this.#released;
  }

  /**
   * Lets go of up to three held bytes when the sender pauses: they may end a message that is waited for. A value that
   * goes on from there is found all the same, its rest is not told.
   */
  release(): Buffer[] {
    if (!this.isReleasable) return [];
    const pieces = [this.#held.subarray(this.#released)];
    this.#released = this.#held.length;
    return pieces;
  }

  /** The rest; the scrubber is empty again afterwards. */
  end(): Buffer[] {
    return this.#scrub(this.#held, true);
  }

  #scrub(bytes: Buffer, isLast: boolean): Buffer[] {
    const output: Buffer[] = [];
    const search = new NextMatch(this.#patterns.patterns, bytes);
    const released = this.#released;
    this.#released = 0;
    let cursor = 0;
    for (;;) {
      const match = search.from(cursor);
      const partial = isLast ? -1 : this.#earliestPartial(bytes, cursor);
      if (cursor === 0) this.#countNearMiss(match, partial);
      if (match === null || (partial >= 0 && partial <= match.start)) {
        this.#hold(bytes, { cursor, released, partial, isLast }, output);
        return output.filter((piece) => piece.length > 0);
      }
      output.push(bytes.subarray(Math.max(cursor, Math.min(released, match.start)), match.start));
      output.push(match.pattern.render(bytes.subarray(match.start, match.end)));
      cursor = match.end;
    }
  }

  #hold(bytes: Buffer, { cursor, released, partial, isLast }: Cut, output: Buffer[]): void {
    let limit = partial >= 0 ? partial : bytes.length;
    if (this.#patterns.isStrict && !isLast) {
      // No value holds a line end: the same for every line, whatever is in it.
      const line = Math.max(bytes.lastIndexOf(NEWLINE) + 1, bytes.length - this.#patterns.maxBytes);
      limit = Math.max(cursor, Math.min(limit, line));
    }
    const told = Math.min(Math.max(cursor, released), limit);
    output.push(bytes.subarray(told, limit));
    this.#released = Math.max(0, released - limit);
    // A copy: a few bytes must not keep a large chunk alive.
    this.#held = Buffer.from(bytes.subarray(limit));
    this.#heldStart = partial === limit && partial >= 0 ? bytes.length - limit : 0;
  }

  #countNearMiss(match: Match | null, partial: number): void {
    const isStillOpen = partial === 0 || match?.start === 0;
    if (this.#heldStart > 0 && !isStillOpen) this.#patterns.noteNearMiss(this.#heldStart);
    this.#heldStart = 0;
  }

  /** First place at or after `from` where a match may begin that the bytes do not end; -1 when there is none. */
  #earliestPartial(bytes: Buffer, from: number): number {
    const first = Math.max(from, bytes.length - this.#patterns.maxBytes);
    for (let start = first; start < bytes.length; start += 1) {
      for (const pattern of this.#patterns.startingWith(bytes[start] ?? 0)) {
        const canEndLater = bytes.length - start < pattern.maxBytes;
        if (canEndLater && pattern.matchAt(bytes, start).isPartial) return start;
      }
    }
    return -1;
  }
}

/** The next match of several patterns; each is searched once per place. */
class NextMatch {
  readonly #bytes: Buffer;
  readonly #next: { readonly pattern: BytePattern; found: Match | null | undefined }[];

  constructor(patterns: readonly BytePattern[], bytes: Buffer) {
    this.#bytes = bytes;
    this.#next = patterns.map((pattern) => ({ pattern, found: undefined }));
  }

  from(cursor: number): Match | null {
    let best: Match | null = null;
    for (const entry of this.#next) {
      if (entry.found === undefined || (entry.found !== null && entry.found.start < cursor)) {
        const place = entry.pattern.find(this.#bytes, cursor);
        entry.found = place === null ? null : { ...place, pattern: entry.pattern };
      }
      if (entry.found !== null && isBetter(entry.found, best)) best = entry.found;
    }
    return best;
  }
}

function isBetter(match: Match, best: Match | null): boolean {
  if (best === null || match.start !== best.start) return best === null || match.start < best.start;
  return match.end > best.end;
}

/** Scrubs a whole that is at hand: a header, a message. */
export function scrubWhole(patterns: ScrubPatterns, bytes: Buffer): Buffer {
  const scrubber = new Scrubber(patterns);
  return Buffer.concat([...scrubber.push(bytes), ...scrubber.end()]);
}
