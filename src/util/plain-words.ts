/** Characters that no POSIX shell gives a meaning to, wherever they stand outside quotes. */
const PLAIN = /^[A-Za-z0-9_/.:,@%+=-]$/;
/** Characters that keep their meaning inside double quotes. */
const ACTIVE_IN_DOUBLE = /^[$`!]$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x1f\x7f]/;

/** One step of reading: the text that it adds to the word, and where the next one starts; null for anything active. */
type Piece = { readonly text: string; readonly next: number } | null;

function readSingle(line: string, from: number): Piece {
  const end = line.indexOf("'", from);
  return end < 0 ? null : { text: line.slice(from, end), next: end + 1 };
}

function readDouble(line: string, from: number): Piece {
  let text = '';
  for (let at = from; at < line.length; at++) {
    const character = line[at] ?? '';
    if (character === '"') return { text, next: at + 1 };
    if (ACTIVE_IN_DOUBLE.test(character)) return null;
    if (character !== '\\') text += character;
    else {
      at += 1;
      const escaped = line[at] ?? '';
      // In double quotes a backslash before another character stays.
      text += /^[$`"\\]$/.test(escaped) ? escaped : `\\${escaped}`;
    }
  }
  return null;
}

function readPiece(line: string, at: number): Piece {
  const character = line[at] ?? '';
  if (character === "'") return readSingle(line, at + 1);
  if (character === '"') return readDouble(line, at + 1);
  if (character === '\\') {
    return at + 1 < line.length ? { text: line[at + 1] ?? '', next: at + 2 } : null;
  }
  return PLAIN.test(character) ? { text: character, next: at + 1 } : null;
}

/**
 * Splits one simple command into its words, as every POSIX shell does. Pure.
 *
 * @param line  Untrusted.
 * @returns Null for an empty line, and for anything that a shell would not pass on unchanged: expansions, redirections,
 *   several commands, assignments, comments, control characters, open quotes.
 */
export function splitPlainWords(line: string): string[] | null {
  if (CONTROL.test(line)) return null;
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; ) {
    if (line[at] === ' ') {
      if (word !== null) words.push(word);
      word = null;
      at += 1;
      continue;
    }
    const piece = readPiece(line, at);
    if (piece === null) return null;
    word = (word ?? '') + piece.text;
    at = piece.next;
  }
  if (word !== null) words.push(word);
  const [program = ''] = words;
  return program === '' || program.includes('=') ? null : words;
}
