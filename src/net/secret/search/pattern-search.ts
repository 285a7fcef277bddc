import { randomInt } from 'node:crypto';
import type { BytePattern, PatternPlace } from './byte-pattern.ts';

/** A match of one of several patterns. */
export interface PatternMatch extends PatternPlace {
  readonly pattern: BytePattern;
}

/** Longer pieces do not make the search more selective. */
const MAX_PIECE_BYTES = 16;
/** Shorter pieces are too common to be found by their sum. */
const MIN_PIECE_BYTES = 4;
const TABLE_BITS = 16;

/**
 * Finds several patterns in one pass over the bytes: a rolling sum, over the length of a piece that is in every match, is
 * looked up in a table. It costs the same for every byte, and its base is random: the time of a search reveals nothing about a
 * partly correct guess, only that a whole piece is right. A pattern without such a piece (a value of mostly punctuation) is
 * searched for by comparing.
 */
export class PatternSearch {
  readonly #pieceBytes: number;
  readonly #base = randomInt(2 ** 24, 2 ** 31) | 1;
  /** The contribution of a byte that leaves the sum. */
  readonly #leaving = new Int32Array(256);
  readonly #isWanted = new Uint8Array(2 ** TABLE_BITS);
  readonly #bySum = new Map<number, BytePattern[]>();
  readonly #others: readonly BytePattern[];

  constructor(patterns: readonly BytePattern[]) {
    const pieces = patterns.filter(({ anchor }) => anchor.length >= MIN_PIECE_BYTES);
    this.#others = patterns.filter(({ anchor }) => anchor.length < MIN_PIECE_BYTES);
    const lengths = pieces.map(({ anchor }) => anchor.length);
    this.#pieceBytes = lengths.length === 0 ? 0 : Math.min(MAX_PIECE_BYTES, ...lengths);
    let power = 1;
    for (let count = 0; count < this.#pieceBytes; count += 1) power = Math.imul(power, this.#base);
    for (let byte = 0; byte < 256; byte += 1) this.#leaving[byte] = Math.imul(byte, power);
    for (const pattern of pieces) {
      const sum = this.#byteSum(pattern.anchor);
      this.#isWanted[sum >>> (32 - TABLE_BITS)] = 1;
      this.#bySum.set(sum, [...(this.#bySum.get(sum) ?? []), pattern]);
    }
  }

  /** Returns all matches, overlapping ones included, sorted by start, the longest first. */
  matches(bytes: Buffer): PatternMatch[] {
    const found: PatternMatch[] = [];
    this.#bySums(bytes, found);
    for (const pattern of this.#others) {
      for (let from = 0; ; ) {
        const place = pattern.find(bytes, from);
        if (place === null) break;
        found.push({ ...place, pattern });
        from = place.start + 1;
      }
    }
    return found.sort((a, b) => a.start - b.start || b.end - a.end);
  }

  #byteSum(piece: Buffer): number {
    let sum = 0;
    for (let index = 0; index < this.#pieceBytes; index += 1) {
      sum = (Math.imul(sum, this.#base) + (piece[index] ?? 0)) | 0;
    }
    return sum;
  }

  #bySums(bytes: Buffer, found: PatternMatch[]): void {
    const length = this.#pieceBytes;
    if (length === 0 || bytes.length < length) return;
    const base = this.#base;
    const leaving = this.#leaving;
    const isWanted = this.#isWanted;
    let sum = this.#byteSum(bytes);
    for (let at = 0; ; at += 1) {
      if (isWanted[sum >>> (32 - TABLE_BITS)] === 1) this.#verify(bytes, at, sum, found);
      const next = at + length;
      if (next >= bytes.length) return;
      sum = (Math.imul(sum, base) + (bytes[next] ?? 0) - (leaving[bytes[at] ?? 0] ?? 0)) | 0;
    }
  }

  #verify(bytes: Buffer, at: number, sum: number, found: PatternMatch[]): void {
    for (const pattern of this.#bySum.get(sum) ?? []) {
      const { anchor } = pattern;
      const end = at + anchor.length;
      if (end > bytes.length || anchor.compare(bytes, at, end) !== 0) continue;
      for (const place of pattern.matchesAround(bytes, at, 0)) found.push({ ...place, pattern });
    }
  }
}
