/** Most bytes of output that are kept of one detached command; the oldest are dropped. */
export const LOG_BYTES = 1024 * 1024;

export type OutputName = 'stdout' | 'stderr';

/** A piece of output, or a number of bytes that were dropped before it was read. */
export type LogEntry =
  | { readonly kind: 'output'; readonly name: OutputName; readonly data: Buffer }
  | { readonly kind: 'gap'; readonly bytes: number };

/** Most pieces, whatever their size: a guest may write byte by byte to both outputs in turn. */
const MAX_PIECES = 4096;
/** Chunks are put together up to this size. */
const PIECE_BYTES = 16 * 1024;
const SMALLEST_PIECE_BYTES = 64;

/** Output of one stream that was written in one go. */
class Piece {
  readonly name: OutputName;
  /** Bytes of the log before it. */
  readonly at: number;
  #bytes: Buffer;
  #length: number;

  constructor(name: OutputName, at: number, data: Buffer) {
    this.name = name;
    this.at = at;
    this.#bytes = Buffer.alloc(Math.max(SMALLEST_PIECE_BYTES, data.length));
    this.#length = data.copy(this.#bytes);
  }

  get data(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get end(): number {
    return this.at + this.#length;
  }

  /** Bytes that were returned before stay as they are. */
  add(data: Buffer): void {
    const length = this.#length + data.length;
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#bytes.length));
      this.data.copy(larger);
      this.#bytes = larger;
    }
    data.copy(this.#bytes, this.#length);
    this.#length = length;
  }
}

/** The last output of a command. Readers take it at their own pace; one that is too slow loses what was dropped meanwhile. */
export class CommandLog {
  #pieces: Piece[] = [];
  #kept = 0;
  #end = 0;
  #isClosed = false;
  #waiting: (() => void)[] = [];
  readonly #maxBytes: number;
  readonly #pieceBytes: number;

  constructor(maxBytes: number = LOG_BYTES) {
    this.#maxBytes = maxBytes;
    this.#pieceBytes = Math.min(PIECE_BYTES, maxBytes);
  }

  append(name: OutputName, chunk: Buffer): void {
    const data = chunk.subarray(Math.max(0, chunk.length - this.#maxBytes));
    const start = this.#end + chunk.length - data.length;
    const last = this.#pieces.at(-1);
    const fits = last !== undefined && last.data.length + data.length <= this.#pieceBytes;
    if (fits && last.name === name && last.end === start) last.add(data);
    else this.#pieces.push(new Piece(name, start, data));
    this.#end += chunk.length;
    this.#kept += data.length;
    this.#dropOldest();
    this.#wake();
  }

  #dropOldest(): void {
    let dropped = 0;
    for (const piece of this.#pieces) {
      const isWithin = this.#kept <= this.#maxBytes && this.#pieces.length - dropped <= MAX_PIECES;
      if (isWithin) break;
      this.#kept -= piece.data.length;
      dropped += 1;
    }
    if (dropped > 0) this.#pieces.splice(0, dropped);
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
      const piece = this.#pieces.find(({ end }) => end > position);
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
