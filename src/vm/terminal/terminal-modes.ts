/** Private modes (DECSET) that a program sets for its own time, and their state on an idle terminal. */
const DEFAULTS: ReadonlyMap<number, boolean> = new Map([
  // Cursor keys, wrapping, cursor.
  [1, false],
  [7, true],
  [25, true],
  // The alternate screen.
  [47, false],
  [1047, false],
  [1049, false],
  // Mouse, focus, bracketed paste.
  [1000, false],
  [1002, false],
  [1003, false],
  [1004, false],
  [1005, false],
  [1006, false],
  [1015, false],
  [2004, false],
]);

const ESC = 0x1b;
/** Longer sequences set no mode. */
const MAX_SEQUENCE_BYTES = 64;

/**
 * Watches what a program writes to a terminal, to say how to undo the modes that it leaves behind when it is cut off: a
 * killed editor would leave its screen, a hidden cursor and a reporting mouse. Holds at most one short sequence.
 */
export class TerminalModes {
  readonly #changed = new Map<number, boolean>();
  #hasAttributes = false;
  #hasKeypad = false;
  /** The bytes after an ESC, until the sequence is complete; null outside of one. */
  #sequence: string | null = null;

  /** Watches the next bytes of the program. */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#sequence === null) {
        at = chunk.indexOf(ESC, at);
        if (at < 0) return;
        this.#sequence = '';
        at += 1;
      } else {
        this.#extend(this.#sequence, chunk[at] ?? 0);
        at += 1;
      }
    }
  }

  /** The bytes that make the terminal as it was; empty when the program left nothing behind. */
  get undo(): string {
    const modes = [...this.#changed].map(([mode, isOn]) => `\u001b[?${mode}${isOn ? 'l' : 'h'}`);
    const keypad = this.#hasKeypad ? '\u001b>' : '';
    return keypad + modes.join('') + (this.#hasAttributes ? '\u001b[0m' : '');
  }

  #extend(before: string, byte: number): void {
    if (byte === ESC) {
      this.#sequence = '';
      return;
    }
    const sequence = before + String.fromCharCode(byte);
    const isCsi = sequence.startsWith('[');
    // A CSI sequence ends with its first byte from @ to ~, any other one at once.
    const isComplete = !isCsi || (sequence.length > 1 && byte >= 0x40 && byte <= 0x7e);
    if (!isComplete) {
      this.#sequence = sequence.length < MAX_SEQUENCE_BYTES ? sequence : null;
      return;
    }
    this.#sequence = null;
    this.#apply(sequence);
  }

  #apply(sequence: string): void {
    if (sequence === '=' || sequence === '>') this.#hasKeypad = sequence === '=';
    else if (sequence === 'c') this.#reset();
    else if (/^\[[\d;:]*m$/.test(sequence)) this.#hasAttributes = !/^\[0*m$/.test(sequence);
    else this.#setModes(/^\[\?([\d;]+)([hl])$/.exec(sequence));
  }

  #setModes(match: RegExpExecArray | null): void {
    if (match === null) return;
    const [, modes = '', end] = match;
    for (const mode of modes.split(';').map(Number)) {
      const standard = DEFAULTS.get(mode);
      if (standard === undefined) continue;
      const isOn = end === 'h';
      if (isOn === standard) this.#changed.delete(mode);
      else this.#changed.set(mode, isOn);
    }
  }

  #reset(): void {
    this.#changed.clear();
    this.#hasAttributes = false;
    this.#hasKeypad = false;
  }
}
