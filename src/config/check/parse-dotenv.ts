const LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/;

function unquote(raw: string): string | null {
  const quote = raw[0];
  if (quote !== '"' && quote !== "'") return raw.replace(/\s+#.*$/, '').trim();
  const end = closingQuote(raw, quote);
  if (end < 0 || !/^\s*(?:#.*)?$/.test(raw.slice(end + 1))) return null;
  const inner = raw.slice(1, end);
  if (quote === "'") return inner;
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r' };
  return inner.replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
}

function closingQuote(raw: string, quote: string): number {
  for (let index = 1; index < raw.length; index++) {
    if (raw[index] === '\\' && quote === '"') index++;
    else if (raw[index] === quote) return index;
  }
  return -1;
}

/**
 * An env file: `NAME=value` lines, `export` allowed, `#` comments, values bare or quoted ("…" knows \n, \t, \r, \", \\;
 * '…' nothing). Nothing is interpolated. `badLines` are 1-based.
 */
export function parseDotenv(text: string): {
  readonly env: Readonly<Record<string, string>>;
  readonly badLines: readonly number[];
} {
  const env = new Map<string, string>();
  const badLines: number[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = LINE.exec(trimmed);
    const value = match === null ? null : unquote(match[2] ?? '');
    if (match === null || value === null || value.includes('\0')) badLines.push(index + 1);
    else env.set(match[1] ?? '', value);
  }
  return { env: Object.fromEntries(env), badLines };
}
