import type { BytePattern } from '../search/byte-pattern.ts';
import { type PatternMatch, PatternSearch } from '../search/pattern-search.ts';

/** Characters of bearer tokens (RFC 9110 §11.2, token68), and those that percent, JSON and HTML escapes add. */
const TOKEN_BYTES = /[A-Za-z0-9\-._~+/=%\\&#;]/;
const MIN_WINDOW_BYTES = 256;

function bytesThat(isIn: (byte: number) => boolean): readonly boolean[] {
  return Array.from({ length: 256 }, (_, byte) => isIn(byte));
}

const TOKEN = bytesThat((byte) => TOKEN_BYTES.test(String.fromCharCode(byte)));
/** No value contains a control character; any other byte can be part of one. */
const PRINTABLE = bytesThat((byte) => byte >= 0x20 && byte !== 0x7f);

/**
 * The patterns to search for in responses to one VM. The number of bytes held back does not depend on the values, only on
 * whether all of them look like tokens and on the power of two above their longest form.
 */
export class ScrubPatterns {
  /** Most bytes that are held back; no match is longer. */
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

  /** Returns the position from which `bytes` may contain an incomplete match. */
  openEnd(bytes: Buffer): number {
    const first = Math.max(0, bytes.length - this.windowBytes);
    let start = bytes.length;
    while (start > first && this.#canBeInside[bytes[start - 1] ?? 0] === true) start -= 1;
    return start;
  }

  /** Returns all matches, overlapping ones included, sorted by start, the longest first. */
  matches(bytes: Buffer): readonly PatternMatch[] {
    return this.#search.matches(bytes);
  }
}
