/** Lines of a running step's output shown below it. */
const TAIL_LINES = 5;

/** Time between two redraws of a tail: a chatty guest must not keep the host drawing. */
const REDRAW_MS = 100;

/** Keeps the last lines of an output and shows them at most ten times a second. */
export class LiveTail {
  #lines: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #show: (text: string) => void;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  push(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#lines = [...this.#lines, ...lines.slice(-TAIL_LINES)].slice(-TAIL_LINES);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#show(this.#lines.join('\n'));
    }, REDRAW_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
