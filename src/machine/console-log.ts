const CAPACITY_BYTES = 64 * 1024;
const TAIL_LINES = 40;
const TAIL_LINE_CHARACTERS = 400;

/** The last 64 KiB that a guest wrote to its serial console. */
export class ConsoleLog {
  readonly #ring = Buffer.alloc(CAPACITY_BYTES);
  /** Count of all bytes written; the next byte goes to this number modulo the capacity. */
  #total = 0;

  append(chunk: Uint8Array): void {
    const kept = chunk.subarray(Math.max(0, chunk.length - CAPACITY_BYTES));
    this.#total += chunk.length - kept.length;
    const at = this.#total % CAPACITY_BYTES;
    const first = Math.min(kept.length, CAPACITY_BYTES - at);
    this.#ring.set(kept.subarray(0, first), at);
    this.#ring.set(kept.subarray(first), 0);
    this.#total += kept.length;
  }

  /** Returns the kept bytes, the oldest first. Guest bytes: never print them raw. */
  bytes(): Buffer {
    if (this.#total <= CAPACITY_BYTES) return Buffer.from(this.#ring.subarray(0, this.#total));
    const at = this.#total % CAPACITY_BYTES;
    return Buffer.concat([this.#ring.subarray(at), this.#ring.subarray(0, at)]);
  }

  /** Returns the last lines as text that is safe to print; empty when the guest wrote nothing. */
  tail(lineCount: number = TAIL_LINES): string {
    return sanitizeConsole(this.bytes()).slice(-lineCount).join('\n');
  }
}

// CSI (colours, cursor), OSC (titles, links; ended by BEL or ESC \) and the two-character escapes.
// biome-ignore lint/suspicious/noControlCharactersInRegex: this removes control characters
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;
/** C0 except tab, DEL and C1, on which a terminal acts; and characters that reorder text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: this removes control characters
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Returns the lines of guest output without anything that a terminal would act on, without empty ones, each cut at 400
 * characters. Bytes that are not UTF-8 become U+FFFD. Pure.
 */
export function sanitizeConsole(bytes: Uint8Array): string[] {
  return new TextDecoder()
    .decode(bytes)
    .replace(ESCAPES, '')
    .split(/\r\n|\n|\r/)
    .map((line) => line.replace(CONTROLS, '').trimEnd().slice(0, TAIL_LINE_CHARACTERS))
    .filter((line) => line !== '');
}
