/** One word of a command line as POSIX shells and Compose split it: quoted pieces and escaped characters side by side. */
const PIECE = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)/y;

/** Splits a command line into words without running a shell. Null when a quote is not closed. */
export function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (/\s/.test(line[at] ?? '')) {
      at++;
      continue;
    }
    let word = '';
    while (at < line.length && !/\s/.test(line[at] ?? '')) {
      PIECE.lastIndex = at;
      const piece = PIECE.exec(line);
      if (piece === null) return null;
      const [all, single, double, escaped, plain] = piece;
      word += single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '';
      at += all.length;
    }
    words.push(word);
  }
  return words;
}
