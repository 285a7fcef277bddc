/** Longest line, in UTF-16 units: a guest that never ends its line must not fill memory. */
export const MAX_LINE_LENGTH = 16_384;

/** Cuts a stream of text into lines. LF, CRLF and a lone CR (a progress bar redrawing itself) all end a line. */
export class LineSplitter {
  #rest = '';

  /** Complete lines, without their ends. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    while (this.#rest.length > MAX_LINE_LENGTH) {
      lines.push(this.#rest.slice(0, MAX_LINE_LENGTH));
      this.#rest = this.#rest.slice(MAX_LINE_LENGTH);
    }
    return lines;
  }

  /** The last line when it has no end yet. */
  flush(): string[] {
    const rest = this.#rest.replace(/\r$/, '');
    this.#rest = '';
    return rest === '' ? [] : [rest];
  }
}
