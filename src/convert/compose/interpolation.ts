/** A text of a Compose file as gondolin writes it. */
export type ComposeText =
  | {
      /** With references in gondolin's form; every other `$` is doubled. */
      readonly text: string;
      /** The part that is in the file itself: the text without references, with their defaults. */
      readonly literal: string;
      readonly hasReference: boolean;
      readonly problem?: never;
    }
  | { readonly problem: string };

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const MAX_DEPTH = 16;
const OPERATOR = /^(?::?[-?+])/;

/** Thrown and caught in this file only. */
class BadReference extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;
  #literal = '';
  #hasReference = false;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ComposeText {
    const text = this.#readUntil('', 0);
    return { text, literal: this.#literal, hasReference: this.#hasReference };
  }

  /** Reads to the end, or to the `}` that ends an operand. */
  #readUntil(end: '' | '}', depth: number): string {
    if (depth > MAX_DEPTH) throw new BadReference('variables nested too deeply');
    let written = '';
    while (this.#at < this.#text.length) {
      const one = this.#text[this.#at] ?? '';
      if (end !== '' && one === end) return written;
      if (one === '$') written += this.#readDollar(depth);
      else {
        this.#at++;
        written += one;
        this.#literal += one;
      }
    }
    if (end !== '') throw new BadReference('a "$" with a brace that is never closed');
    return written;
  }

  #readDollar(depth: number): string {
    const rest = this.#text.slice(this.#at + 1, this.#at + 300);
    if (rest.startsWith('$')) {
      this.#at += 2;
      this.#literal += '$';
      // Inside an operand a brace after it would be counted as the start of a reference.
      if (depth > 0) throw new BadReference('"$$" inside a reference');
      return '$$';
    }
    const isBraced = rest.startsWith('{');
    const name = NAME.exec(isBraced ? rest.slice(1) : rest)?.[0];
    if (name === undefined) throw new BadReference('"$" that starts no variable');
    this.#hasReference = true;
    this.#at += 1 + (isBraced ? 1 : 0) + name.length;
    // Compose takes an unset variable as empty.
    return isBraced ? this.#readBraced(name, depth) : `\${${name}:-}`;
  }

  #readBraced(name: string, depth: number): string {
    const operator = OPERATOR.exec(this.#text.slice(this.#at, this.#at + 2))?.[0] ?? '';
    this.#at += operator.length;
    if (operator === '' && this.#text[this.#at] !== '}') throw new BadReference('an unknown form');
    const operand = this.#readUntil('}', depth + 1);
    this.#at++;
    return `\${${name}${operator === '' ? ':-' : operator}${operand}}`;
  }
}

/** Converts the variables of a Compose file: `$NAME`, `${NAME}` and its other forms, `$$`. Never throws. */
export function fromComposeText(text: string): ComposeText {
  if (text.includes('\0')) return { problem: 'a NUL character' };
  try {
    return new Reader(text).read();
  } catch (error) {
    if (!(error instanceof BadReference)) throw error;
    return { problem: error.message };
  }
}
