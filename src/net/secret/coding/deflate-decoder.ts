import { Transform, type TransformCallback } from 'node:stream';
import { createInflate, createInflateRaw, type InflateRaw } from 'node:zlib';

/** Low four bits of the first byte of a zlib stream (RFC 1950 §2.2); a raw stream rarely starts with them. */
const ZLIB_METHOD = 8;

/** Decodes `content-encoding: deflate`: a zlib stream by the standard, a raw one from some servers. */
export class DeflateDecoder extends Transform {
  #inner: InflateRaw | null = null;
  /** True after the end of the coded stream: further bytes are dropped, as browsers do. */
  #hasEnded = false;
  /** Callback of the chunk that is being decoded: zlib never calls back for bytes after the end. */
  #settle: TransformCallback | null = null;

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    const [first] = chunk;
    if (first === undefined || this.#hasEnded) {
      callback();
    } else {
      this.#inner ??= this.#start(first);
      this.#settle = callback;
      this.#inner.write(chunk, () => this.#settleChunk());
    }
  }

  override _flush(callback: TransformCallback): void {
    if (this.#inner === null || this.#hasEnded) {
      callback();
    } else {
      this.#inner.once('end', () => callback());
      this.#inner.end();
    }
  }

  override _read(size: number): void {
    this.#inner?.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner?.destroy();
    callback(error);
  }

  #settleChunk(): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.();
  }

  #start(first: number): InflateRaw {
    const options = { chunkSize: 64 * 1024 };
    const inner =
      (first & 0x0f) === ZLIB_METHOD ? createInflate(options) : createInflateRaw(options);
    inner.on('data', (chunk: Buffer) => {
      // Little input may become a lot of output: wait until it is read.
      if (!this.push(chunk)) inner.pause();
    });
    inner.on('error', (error) => this.destroy(error));
    inner.on('end', () => {
      this.#hasEnded = true;
      this.#settleChunk();
    });
    return inner;
  }
}
