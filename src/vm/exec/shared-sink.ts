import type { Writable } from 'node:stream';

/**
 * A stream of the caller that several commands may write to at once: one set of listeners for all writers, so that Node
 * does not warn about a leak.
 */
class SharedSink {
  readonly #stream: Writable;
  readonly #onDrain = () => this.#wake();
  readonly #onEnd = (error?: Error) => this.#break(error ?? new Error('the stream was closed'));
  #users = 0;
  #failure: Error | undefined;
  #waiting: (() => void)[] = [];

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  get hasUsers(): boolean {
    return this.#users > 0;
  }

  acquire(): void {
    this.#users++;
    if (this.#users > 1) return;
    this.#stream.on('drain', this.#onDrain).on('error', this.#onEnd).on('close', this.#onEnd);
  }

  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#stream.off('drain', this.#onDrain).off('error', this.#onEnd).off('close', this.#onEnd);
  }

  /** Resolves when the next chunk may be written. @throws {Error} the stream's own error, or that it was closed. */
  async write(chunk: Buffer): Promise<void> {
    this.#assertUsable();
    if (this.#stream.write(chunk)) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#assertUsable();
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const isOver = this.#stream.destroyed || this.#stream.writableEnded;
    if (isOver) throw this.#stream.errored ?? new Error('the stream was closed');
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #break(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}

const sinks = new WeakMap<Writable, SharedSink>();

/** Passes `use` a writer for the stream, and removes its listeners afterwards. */
export async function withSink(
  stream: Writable,
  use: (write: (chunk: Buffer) => Promise<void>) => Promise<void>,
): Promise<void> {
  const sink = sinks.get(stream) ?? new SharedSink(stream);
  sinks.set(stream, sink);
  sink.acquire();
  try {
    await use((chunk) => sink.write(chunk));
  } finally {
    sink.release();
    if (!sink.hasUsers) sinks.delete(stream);
  }
}
