/**
 * Guest text is hostile: escape sequences can move the cursor, rewrite earlier lines, set the title or make the
 * terminal send input. A sanitised line prints in its place and does nothing else.
 */

const ESC = '\u001b';
const RESET = `${ESC}[0m`;

/** `ESC [ … m` colours; other `ESC [ …`; strings (OSC, DCS, SOS, PM, APC) up to their end; other escapes. */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is where control characters are looked for.
  /\u001b(?:\[([0-9;:]*)m|\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)|[ -/]*[0-Z\\^-~])?/g;

/** Characters that hide, reorder or control text: C0 except tab, DEL, C1, separators, bidirectional controls, zero width, lone surrogates. */
const UNPRINTABLE = /[^\P{Cc}\t]|[\p{Cs}\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code < 256 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

/**
 * Returns a line of guest text that is safe on a terminal and in a log. Escape sequences are removed, other control
 * characters made visible (`\x07`).
 *
 * @param text Untrusted, without line ends.
 * @param keepColours Keeps colour sequences and resets colours at the end of the line. Only for a terminal.
 */
export function sanitiseLine(text: string, keepColours: boolean): string {
  let hasColour = false;
  const parts: string[] = [];
  let end = 0;
  for (const match of text.matchAll(ESCAPES)) {
    parts.push(text.slice(end, match.index).replace(UNPRINTABLE, visible));
    end = match.index + match[0].length;
    if (keepColours && match[1] !== undefined) {
      parts.push(`${ESC}[${match[1]}m`);
      hasColour = true;
    }
  }
  parts.push(text.slice(end).replace(UNPRINTABLE, visible));
  return parts.join('') + (hasColour ? RESET : '');
}
