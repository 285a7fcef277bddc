/**
 * Controls (C0, DEL, C1), lone surrogates, line separators, and characters that hide or reorder text: zero-width
 * characters, bidirectional controls, the byte order mark.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Default limit of guest text in a message, in UTF-16 units. */
const MAX_CHARACTERS = 200;

/**
 * Makes untrusted guest text safe for a message, a log line or a terminal: one line, each control replaced by U+FFFD, cut
 * to `maxCharacters` (UTF-16 units) and `…`. Never throws.
 */
export function printable(text: string, maxCharacters: number = MAX_CHARACTERS): string {
  const isCut = text.length > maxCharacters;
  // Half of a cut surrogate pair is dropped rather than shown as an unknown character.
  const kept = isCut ? text.slice(0, maxCharacters).replace(/\p{Cs}$/u, '') : text;
  return kept.replace(UNPRINTABLE, '\ufffd') + (isCut ? '…' : '');
}
