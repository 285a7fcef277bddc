/** Most bytes of output that are kept of one detached command; the oldest are dropped. */
export const LOG_BYTES = 1024 * 1024;

export type OutputName = 'stdout' | 'stderr';

/** A piece of output, or a number of bytes that were dropped before it was read. */
export type LogEntry =
  | { readonly kind: 'output'; readonly name: OutputName; readonly data: Buffer }
  | { readonly kind: 'gap'; readonly bytes: number };

interface Piece {
  readonly name: OutputName;
  readonly data: Buffer;
  /** Bytes of the log before it. */
  readonly at: number;
}

/** The last output of a command. Readers take it at their own pace; one that is too slow loses what was dropped meanwhile. */
export class CommandLog {
  #pieces: Piece[] = [];
  #kept = 0;
  #end = 0;
  #isClosed = false;
  #waiting: (() => void)[] = [];
  readonly #maxBytes: number;

  constructor(maxBytes: number = LOG_BYTES) {
    this.#maxBytes = maxBytes;
  }

  append(name: OutputName, chunk: Buffer): void {
    // A copy: the chunk may be a small part of a large buffer, which it would keep alive.
    const data = Buffer.from(chunk.subarray(Math.max(0, chunk.length - this.#maxBytes)));
    this.#pieces.push({ name, data, at: this.#end + chunk.length - data.length });
    this.#end += chunk.length;
    this.#kept += data.length;
    let dropped = 0;
    for (const piece of this.#pieces) {
      if (this.#kept <= this.#maxBytes) break;
      this.#kept -= piece.data.length;
      dropped += 1;
    }
    if (dropped > 0) this.#pieces.splice(0, dropped);
    this.#wake();
  }

  /** No more output will come. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Bytes of output so far, with those that were dropped. */
  get totalBytes(): number {
    return this.#end;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * Reads from a position, by default the oldest byte that is kept.
   * @param isFollowing  Continues until the log is closed or `signal` aborts; otherwise until the present end.
   */
  async *read(
    { from = 0, isFollowing }: { readonly from?: number; readonly isFollowing: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<LogEntry, void> {
    let position = from;
    const until = isFollowing ? Number.POSITIVE_INFINITY : this.#end;
    while (!signal.aborted && position < until) {
      const piece = this.#pieces.find(({ at, data }) => at + data.length > position);
      if (piece === undefined) {
        if (this.#isClosed) return;
        await this.#more(signal);
        continue;
      }
      if (piece.at > position) {
        yield { kind: 'gap', bytes: piece.at - position };
        position = piece.at;
        continue;
      }
      const data = piece.data.subarray(position - piece.at);
      position += data.length;
      yield { kind: 'output', name: piece.name, data };
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#waiting.push(done);
    });
  }
}
