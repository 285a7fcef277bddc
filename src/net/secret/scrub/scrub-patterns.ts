import type { BytePattern } from '../search/byte-pattern.ts';
import { type PatternMatch, PatternSearch } from '../search/pattern-search.ts';

/** What bearer tokens are made of (RFC 9110 §11.2, token68), and all that percent, JSON and HTML escapes of them add. */
const TOKEN_BYTES = /[A-Za-z0-9\-._~+/=%\\&#;]/;
const MIN_WINDOW_BYTES = 256;

function bytesThat(isIn: (byte: number) => boolean): readonly boolean[] {
  return Array.from({ length: 256 }, (_, byte) => isIn(byte));
}

const TOKEN = bytesThat((byte) => TOKEN_BYTES.test(String.fromCharCode(byte)));
/** No value holds a control character: any other byte can be part of one. */
const PRINTABLE = bytesThat((byte) => byte >= 0x20 && byte !== 0x7f);

/**
 * What to look for in the responses to one VM. What is held back of a response depends on none of the values: only on
 * whether all of them look like tokens, and on the power of two above their longest form.
 */
export class ScrubPatterns {
  /** The longest end that is held back, in bytes; no match is longer. */
  readonly windowBytes: number;
  readonly #canBeInside: readonly boolean[];
  readonly #search: PatternSearch;

  constructor(patterns: readonly BytePattern[]) {
    const maxBytes = Math.max(MIN_WINDOW_BYTES, ...patterns.map((pattern) => pattern.maxBytes));
    this.windowBytes = 2 ** Math.ceil(Math.log2(maxBytes));
    this.#search = new PatternSearch(patterns);
    const areTokens = patterns.every((pattern) => pattern.isMadeOf(TOKEN));
    this.#canBeInside = areTokens ? TOKEN : PRINTABLE;
  }

  /** Returns where the end of `bytes` starts in which a match may lie that is not complete. */
  openEnd(bytes: Buffer): number {
    const first = Math.max(0, bytes.length - this.windowBytes);
    let start = bytes.length;
    while (start > first && this.#canBeInside[bytes[start - 1] ?? 0] === true) start -= 1;
    return start;
  }

  /** Returns all matches, also those that overlap: by where they start, the longest first. */
  matches(bytes: Buffer): readonly PatternMatch[] {
    return this.#search.matches(bytes);
  }
}
