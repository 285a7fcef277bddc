import type { FrameSocket } from '../../session/frames/frame-socket.ts';

/** Most values that wait for a client that reads slowly. */
const MAX_WAITING = 5_000;

/** Sends values to a client as lines of JSON. What a client that reads slowly would make wait is dropped and counted. */
export class LineFeed {
  readonly #stream: FrameSocket;
  readonly #waiting: unknown[] = [];
  #dropped = 0;
  #sending: Promise<void> | null = null;

  constructor(stream: FrameSocket) {
    this.#stream = stream;
  }

  push(value: unknown): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(value);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
    });
  }

  /** Resolves when all was sent. */
  async flush(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  async #send(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#stream.send('stdout', Buffer.from(`${JSON.stringify(next)}\n`));
      if (this.#dropped === 0 || this.#waiting.length > 0) continue;
      this.#waiting.push({ type: 'dropped', count: this.#dropped });
      this.#dropped = 0;
    }
  }
}
