/** One piece of a pattern: any of these byte strings, none empty. */
export type PatternElement = readonly Buffer[];

/** The position of a match: `end` is the first byte after it. */
export interface PatternPlace {
  readonly start: number;
  readonly end: number;
}

/**
 * A sequence of elements. A search finds a piece that never varies (the anchor) and checks around it. Immutable; a search
 * is linear in the bytes, except for bytes crafted to resemble the pattern.
 */
export class BytePattern {
  readonly #elements: readonly PatternElement[];
  /** The longest piece that is in every match; may be empty. */
  readonly anchor: Buffer;
  readonly #anchorIndex: number;
  readonly #firstBytes: ReadonlySet<number>;
  /** Length of the longest bytes that match. */
  readonly maxBytes: number;
  /** The bytes that replace a match. */
  readonly render: (matched: Buffer) => Buffer;

  constructor(elements: readonly PatternElement[], render: (matched: Buffer) => Buffer) {
    this.#elements = mergeRuns(elements);
    this.render = render;
    this.#firstBytes = new Set((this.#elements[0] ?? []).map((bytes) => bytes[0] ?? 0));
    this.maxBytes = this.#elements.reduce((sum, element) => sum + longest(element), 0);
    const { anchor, index } = chooseAnchor(this.#elements);
    this.anchor = anchor;
    this.#anchorIndex = index;
  }

  /** Returns true if every match consists of bytes for which `allowed` returns true. */
  isMadeOf(allowed: readonly boolean[]): boolean {
    const isAllowed = (option: Buffer): boolean => option.every((byte) => allowed[byte] === true);
    return this.#elements.every((element) => element.every(isAllowed));
  }

  /** Returns the first match at or after `from`, the longest of those with the same start; or null. */
  find(bytes: Buffer, from: number): PatternPlace | null {
    if (this.anchor.length === 0) return this.#findByStart(bytes, from);
    let at = bytes.indexOf(this.anchor, from);
    while (at >= 0) {
      const [first] = this.matchesAround(bytes, at, from);
      if (first !== undefined) return first;
      at = bytes.indexOf(this.anchor, at + 1);
    }
    return null;
  }

  /** Returns the matches with their anchor at `anchorAt` that start at or after `from`, the longest for each start. */
  matchesAround(bytes: Buffer, anchorAt: number, from: number): PatternPlace[] {
    return this.#startsBefore(bytes, anchorAt, from)
      .map((start) => ({ start, end: this.#matchAt(bytes, start) }))
      .filter(({ end }) => end >= 0);
  }

  /** Returns the end of the longest match at exactly `start`, or -1. */
  #matchAt(bytes: Buffer, start: number): number {
    let ends = [start];
    for (const element of this.#elements) {
      ends = advance(bytes, ends, element);
      if (ends.length === 0) return -1;
    }
    return Math.max(...ends);
  }

  /** Searches for a pattern in which every element varies. */
  #findByStart(bytes: Buffer, from: number): PatternPlace | null {
    for (let start = from; start < bytes.length; start += 1) {
      if (!this.#firstBytes.has(bytes[start] ?? 0)) continue;
      const end = this.#matchAt(bytes, start);
      if (end >= 0) return { start, end };
    }
    return null;
  }

  /** Returns the possible starts of the elements before the anchor, in ascending order. */
  #startsBefore(bytes: Buffer, anchorAt: number, from: number): number[] {
    let starts = [anchorAt];
    for (let index = this.#anchorIndex - 1; index >= 0 && starts.length > 0; index -= 1) {
      const previous: number[] = [];
      for (const end of starts) {
        for (const option of this.#elements[index] ?? []) {
          const start = end - option.length;
          const fits = start >= from && isEqual(bytes, start, option, option.length);
          if (fits && !previous.includes(start)) previous.push(start);
        }
      }
      starts = previous;
    }
    return starts.sort((a, b) => a - b);
  }
}

/** Native calls cost more than a few steps in JavaScript, and almost all comparisons end at the first byte. */
const SHORT_BYTES = 16;

function isEqual(bytes: Buffer, at: number, option: Buffer, length: number): boolean {
  if (length > SHORT_BYTES && bytes[at] === option[0]) {
    return option.compare(bytes, at, at + length, 0, length) === 0;
  }
  for (let index = 0; index < length; index += 1) {
    if (bytes[at + index] !== option[index]) return false;
  }
  return true;
}

/** Returns the possible ends of an element that starts at one of the positions. */
function advance(bytes: Buffer, starts: readonly number[], element: PatternElement): number[] {
  const ends: number[] = [];
  for (const at of starts) {
    for (const option of element) {
      const end = at + option.length;
      if (end > bytes.length || ends.includes(end)) continue;
      if (isEqual(bytes, at, option, option.length)) ends.push(end);
    }
  }
  return ends;
}

function longest(element: PatternElement): number {
  return Math.max(...element.map((option) => option.length));
}

/** Joins adjacent elements with a single form, so that they are compared at once. */
function mergeRuns(elements: readonly PatternElement[]): PatternElement[] {
  const merged: PatternElement[] = [];
  let run: Buffer[] = [];
  const flush = (): void => {
    if (run.length > 0) merged.push([Buffer.concat(run)]);
    run = [];
  };
  for (const element of elements) {
    const [only] = element;
    if (element.length === 1 && only !== undefined) run.push(only);
    else {
      flush();
      merged.push(element);
    }
  }
  flush();
  return merged;
}

/** Returns the longest piece with a single form. */
function chooseAnchor(elements: readonly PatternElement[]): { anchor: Buffer; index: number } {
  let best: { anchor: Buffer; index: number } = { anchor: Buffer.alloc(0), index: 0 };
  elements.forEach((element, index) => {
    const [only] = element;
    if (element.length !== 1 || only === undefined) return;
    if (only.length > best.anchor.length) best = { anchor: only, index };
  });
  return best;
}
