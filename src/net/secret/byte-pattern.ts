/** One piece of a pattern: any of these byte strings, none empty. */
export type PatternElement = readonly Buffer[];

/** What a look at one place of the bytes gives. */
export interface ForwardMatch {
  /** End of the longest match, or -1. */
  readonly end: number;
  /** More bytes could make a match, or a longer one, that starts here. */
  readonly isPartial: boolean;
}

/**
 * A sequence of elements, found by one piece that never varies (the anchor) and checked around it. Immutable; a search is
 * linear in the bytes, apart from bytes that were made to resemble it.
 */
export class BytePattern {
  readonly #elements: readonly PatternElement[];
  readonly #anchor: Buffer;
  readonly #anchorIndex: number;
  readonly #firstBytes: ReadonlySet<number>;
  /** Length of the longest bytes that match. */
  readonly maxBytes: number;
  /** Length of the shortest. */
  readonly minBytes: number;
  /** The bytes put in the place of a match. */
  readonly render: (matched: Buffer) => Buffer;

  constructor(elements: readonly PatternElement[], render: (matched: Buffer) => Buffer) {
    this.#elements = mergeRuns(elements);
    this.render = render;
    this.#firstBytes = new Set((this.#elements[0] ?? []).map((bytes) => bytes[0] ?? 0));
    this.maxBytes = this.#elements.reduce((sum, element) => sum + longest(element), 0);
    this.minBytes = this.#elements.reduce((sum, element) => sum + shortest(element), 0);
    const { anchor, index } = chooseAnchor(this.#elements);
    this.#anchor = anchor;
    this.#anchorIndex = index;
  }

  /** True when a match can start with this byte. */
  canStartWith(byte: number): boolean {
    return this.#firstBytes.has(byte);
  }

  /** First match that starts at or after `from`, the longest of those that start there; null when there is none. */
  find(bytes: Buffer, from: number): { readonly start: number; readonly end: number } | null {
    if (this.#anchor.length === 0) return this.#findByStart(bytes, from);
    let at = bytes.indexOf(this.#anchor, from);
    while (at >= 0) {
      for (const start of this.#startsBefore(bytes, at, from)) {
        const { end } = this.matchAt(bytes, start);
        if (end >= 0) return { start, end };
      }
      at = bytes.indexOf(this.#anchor, at + 1);
    }
    return null;
  }

  /** Matches at exactly `start`. */
  matchAt(bytes: Buffer, start: number): ForwardMatch {
    let ends = [start];
    let isPartial = false;
    for (const element of this.#elements) {
      const step = advance(bytes, ends, element);
      isPartial ||= step.isPartial;
      ends = step.ends;
      if (ends.length === 0) return { end: -1, isPartial };
    }
    return { end: Math.max(...ends), isPartial };
  }

  /** For a pattern of which every element varies. */
  #findByStart(bytes: Buffer, from: number): { start: number; end: number } | null {
    for (let start = from; start < bytes.length; start += 1) {
      if (!this.#firstBytes.has(bytes[start] ?? 0)) continue;
      const { end } = this.matchAt(bytes, start);
      if (end >= 0) return { start, end };
    }
    return null;
  }

  /** Where the elements before the anchor may start, in rising order. */
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

/** Native calls cost more than a few steps in JavaScript, and nearly all end at the first byte. */
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

/** Where an element may end that starts at one of the places. */
function advance(
  bytes: Buffer,
  starts: readonly number[],
  element: PatternElement,
): { ends: number[]; isPartial: boolean } {
  const ends: number[] = [];
  let isPartial = false;
  for (const at of starts) {
    for (const option of element) {
      const available = Math.min(option.length, bytes.length - at);
      if (!isEqual(bytes, at, option, available)) continue;
      if (available < option.length) isPartial = true;
      else if (!ends.includes(at + available)) ends.push(at + available);
    }
  }
  return { ends, isPartial };
}

function longest(element: PatternElement): number {
  return Math.max(...element.map((option) => option.length));
}

function shortest(element: PatternElement): number {
  return Math.min(...element.map((option) => option.length));
}

/** Joins neighbours that have one form only, so that they are compared at once. */
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

/** The longest piece with one form. */
function chooseAnchor(elements: readonly PatternElement[]): { anchor: Buffer; index: number } {
  let best: { anchor: Buffer; index: number } = { anchor: Buffer.alloc(0), index: 0 };
  elements.forEach((element, index) => {
    const [only] = element;
    if (element.length !== 1 || only === undefined) return;
    if (only.length > best.anchor.length) best = { anchor: only, index };
  });
  return best;
}
