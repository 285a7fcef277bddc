const ENTRY = /^(?:export[^\S\n]+)?([A-Za-z_][A-Za-z0-9_]*)[^\S\n]*=(.*)$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/** A value and the number of lines it spans; null when it is malformed. */
type Value = { readonly value: string; readonly lineCount: number } | null;

/** Returns the text before a `#` that follows a blank, trimmed. */
function bareValue(raw: string): string {
  return raw.replace(/\s#.*$/, '').trim();
}

function closingQuote(line: string, quote: string, start: number): number {
  for (let index = start; index < line.length; index++) {
    if (line[index] === '\\' && quote === '"') index++;
    else if (line[index] === quote) return index;
  }
  return -1;
}

function withEscapes(text: string): string {
  return text.replace(/\\([^\n])/g, (_, char: string) => ESCAPES[char] ?? char);
}

/** Reads a value whose quote opens at the start of `first` and closes on that line or one of `others`. */
function quotedValue(first: string, others: Iterable<string>): Value {
  const quote = first[0] ?? '';
  const pieces: string[] = [];
  let line = first;
  let start = 1;
  const rest = others[Symbol.iterator]();
  for (;;) {
    const end = closingQuote(line, quote, start);
    if (end >= 0) {
      pieces.push(line.slice(start, end));
      // Only a comment may follow.
      if (!/^\s*(?:#.*)?$/.test(line.slice(end + 1))) return null;
      const text = pieces.join('\n');
      return { value: quote === '"' ? withEscapes(text) : text, lineCount: pieces.length };
    }
    pieces.push(line.slice(start));
    const next = rest.next();
    if (next.done === true) return null;
    line = next.value;
    start = 0;
  }
}

function* linesFrom(lines: readonly string[], index: number): Iterable<string> {
  for (let at = index; at < lines.length; at++) yield lines[at] ?? '';
}

/**
 * Parses an env file: `NAME=value` entries by the rules of docs/config.md, "env_file". Nothing is interpolated. `badLines` are
 * 1-based; for a quote that is never closed it is the line that opens it.
 */
export function parseDotenv(text: string): {
  readonly env: Readonly<Record<string, string>>;
  readonly badLines: readonly number[];
} {
  const env = new Map<string, string>();
  const badLines: number[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; ) {
    const line = lines[index]?.trim() ?? '';
    const [, name = '', raw = ''] = ENTRY.exec(line) ?? [];
    const start = raw.trimStart();
    const value = /^["']/.test(start)
      ? quotedValue(start, linesFrom(lines, index + 1))
      : { value: bareValue(raw), lineCount: 1 };
    if (name !== '' && value !== null && !value.value.includes('\0')) env.set(name, value.value);
    else if (line !== '' && !line.startsWith('#')) badLines.push(index + 1);
    index += value?.lineCount ?? 1;
  }
  return { env: Object.fromEntries(env), badLines };
}
