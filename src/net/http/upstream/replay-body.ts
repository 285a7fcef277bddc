/** A body that can be read again from its start while little of it has come. */
export class ReplayBody implements AsyncIterable<Buffer> {
  readonly #source: AsyncIterator<Buffer>;
  readonly #limitBytes: number;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #hasOverflown = false;
  #next: Promise<IteratorResult<Buffer>> | null = null;

  /** @param limitBytes  Bytes that are kept at most. */
  constructor(source: AsyncIterable<Buffer>, limitBytes: number) {
    this.#source = source[Symbol.asyncIterator]();
    this.#limitBytes = limitBytes;
  }

  /** False once more has been read than is kept. */
  get canReplay(): boolean {
    return !this.#hasOverflown;
  }

  /** From the start, if `canReplay`. Ending early leaves the rest unread. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    let at = 0;
    for (;;) {
      const chunk = this.#kept[at];
      at += 1;
      if (chunk !== undefined) {
        yield chunk;
        continue;
      }
      const next = await this.#read();
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Ends the reading: the rest is not wanted. */
  close(): void {
    this.#kept.length = 0;
    this.#hasOverflown = true;
    // The reader of a read that broke off has its error.
    this.#source.return?.().catch(() => undefined);
  }

  /** One read at a time, whoever waits for it: the reader of an attempt that failed may still do so. */
  #read(): Promise<IteratorResult<Buffer>> {
    this.#next ??= this.#source.next().then(
      (next) => {
        this.#next = null;
        if (next.done !== true) this.#keep(next.value);
        return next;
      },
      (error: unknown) => {
        this.#next = null;
        throw error;
      },
    );
    return this.#next;
  }

  #keep(chunk: Buffer): void {
    if (this.#hasOverflown) return;
    this.#keptBytes += chunk.length;
    this.#hasOverflown = this.#keptBytes > this.#limitBytes;
    if (this.#hasOverflown) this.#kept.length = 0;
    else this.#kept.push(chunk);
  }
}
