import type { BytePattern } from './byte-pattern.ts';

/** The start of a value this long at the end of a chunk, and no value after all: hardly by chance. */
const NEAR_MISS_BYTES = 6;
const MAX_NEAR_MISSES = 8;
/** Of a value, the part that may be told to keep conversations going: an eighth, and no more than this. */
const MAX_RELEASED_BYTES = 3;
const RELEASED_PART = 8;

/**
 * What to look for in the answers to one VM, shared by all its answers. Counts near misses: a guest that has its guesses
 * echoed could learn from a chunk that is held back that its guess is the start of a value. After eight of them nothing
 * is told any more: every last line is held back until more comes.
 */
export class ScrubPatterns {
  readonly patterns: readonly BytePattern[];
  /** No match is longer. */
  readonly maxBytes: number;
  /** Length of the start of a match that `release` may let go, 0..3. */
  readonly releasableBytes: number;
  readonly #byFirstByte: readonly (readonly BytePattern[])[];
  readonly #probes: ProbeCount;

  constructor(patterns: readonly BytePattern[], probes: ProbeCount = new ProbeCount()) {
    this.patterns = patterns;
    this.#probes = probes;
    this.maxBytes = Math.max(0, ...patterns.map((pattern) => pattern.maxBytes));
    const shortest = Math.min(...patterns.map((pattern) => pattern.minBytes));
    this.releasableBytes = Math.min(MAX_RELEASED_BYTES, Math.floor(shortest / RELEASED_PART));
    this.#byFirstByte = Array.from({ length: 256 }, (_, byte) =>
      patterns.filter((pattern) => pattern.canStartWith(byte)),
    );
  }

  get isStrict(): boolean {
    return this.#probes.isOverLimit;
  }

  noteNearMiss(lengthBytes: number): void {
    if (lengthBytes >= NEAR_MISS_BYTES) this.#probes.add();
  }

  startingWith(byte: number): readonly BytePattern[] {
    return this.#byFirstByte[byte] ?? [];
  }
}

/** Near misses of one VM. */
export class ProbeCount {
  #count = 0;

  get isOverLimit(): boolean {
    return this.#count >= MAX_NEAR_MISSES;
  }

  add(): void {
    this.#count += 1;
  }
}
