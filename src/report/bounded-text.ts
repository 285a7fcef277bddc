/** Keeps the beginning and the end of a text that may never end, in at most twice `partLength` UTF-16 units. */
export class BoundedText {
  readonly #partLength: number;
  #head = '';
  #tail = '';
  #omitted = 0;

  constructor(partLength: number) {
    this.#partLength = partLength;
  }

  append(text: string): void {
    const room = this.#partLength - this.#head.length;
    this.#head += text.slice(0, room);
    this.#tail += text.slice(room);
    const excess = this.#tail.length - this.#partLength;
    // Cutting at each append would copy the tail for each line of output.
    if (excess > this.#partLength) this.#cut(excess);
  }

  #cut(length: number): void {
    this.#tail = this.#tail.slice(length);
    this.#omitted += length;
  }

  /** The text, with a line that says how much is missing in its middle. */
  get text(): string {
    this.#cut(Math.max(0, this.#tail.length - this.#partLength));
    if (this.#omitted === 0) return this.#head + this.#tail;
    return `${this.#head}\n[… ${this.#omitted} characters omitted …]\n${this.#tail}`;
  }
}

/** Shortens a text to about `maxLength` by leaving out its middle: the end usually says what failed. */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const part = Math.floor(maxLength / 2);
  const bounded = new BoundedText(part);
  bounded.append(text);
  return bounded.text;
}
