/** Longest line, in UTF-16 units, so that a guest that never ends a line cannot fill memory. */
export const MAX_LINE_LENGTH = 16_384;

/** Splits a stream of text into lines. LF, CRLF and a lone CR (a progress bar that redraws itself) all end a line. */
export class LineSplitter {
  #rest = '';

  /** Returns the lines that the text completes, without their line ends. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    while (this.#rest.length > MAX_LINE_LENGTH) {
      lines.push(this.#rest.slice(0, MAX_LINE_LENGTH));
      this.#rest = this.#rest.slice(MAX_LINE_LENGTH);
    }
    return lines;
  }

  /** Returns the last line if it has no line end yet. */
  flush(): string[] {
    const rest = this.#rest.replace(/\r$/, '');
    this.#rest = '';
    return rest === '' ? [] : [rest];
  }
}
