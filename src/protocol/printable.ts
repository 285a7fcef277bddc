/**
 * Controls (C0, DEL, C1), lone surrogates, line separators, and what hides or reorders text: zero-width characters,
 * bidirectional controls, the byte order mark.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Characters of guest text that a message shows unless told otherwise. */
const MAX_CHARACTERS = 200;

/**
 * Guest text that is safe in a message, a log line or a terminal: one line, no controls (each becomes U+FFFD), cut to
 * `maxCharacters` (UTF-16 units) and `…`. Untrusted: any text may come. Never throws.
 */
export function printable(text: string, maxCharacters: number = MAX_CHARACTERS): string {
  const isCut = text.length > maxCharacters;
  // A pair cut in half is dropped and not shown as an unknown character.
  const kept = isCut ? text.slice(0, maxCharacters).replace(/\p{Cs}$/u, '') : text;
  return kept.replace(UNPRINTABLE, '\ufffd') + (isCut ? '…' : '');
}
