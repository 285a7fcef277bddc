import { Transform, type TransformCallback } from 'node:stream';
import type { Leak } from '../../refusal/refusal.ts';
import { parseContentEncoding } from '../coding/content-encoding.ts';
import { DecodedScan } from './decoded-scan.ts';
import { LeakError } from './leak-error.ts';
import { LeakScanner } from './leak-scanner.ts';
import type { PlaceholderIndex } from './placeholder-index.ts';

/** Describes the leak of a secret at the place that a stream looks at. */
export type ToLeak = (secret: string) => Leak;

/**
 * Passes a request body (or any bytes) on unchanged, and fails with a {@link LeakError} before it passes the chunk that
 * completes a placeholder. A body with a content-encoding is scanned decoded too.
 */
export class LeakScanStream extends Transform {
  readonly #toLeak: ToLeak;
  readonly #raw: LeakScanner;
  readonly #decoded: DecodedScan | null;

  /**
   * @param contentEncoding  Untrusted; a body in an unknown encoding is scanned as it is.
   */
  constructor(index: PlaceholderIndex, toLeak: ToLeak, contentEncoding = '') {
    super({ highWaterMark: 64 * 1024 });
    this.#toLeak = toLeak;
    this.#raw = new LeakScanner(index);
    const encodings = index.isEmpty ? [] : parseContentEncoding(contentEncoding);
    this.#decoded =
      encodings === null || encodings.length === 0
        ? null
        : new DecodedScan(new LeakScanner(index), encodings);
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    const name = this.#raw.scan(chunk);
    const settle = (found: string | null, failure: Error | null): void => {
      const error = found === null ? failure : new LeakError(this.#toLeak(found));
      if (error === null) callback(null, chunk);
      else callback(error);
    };
    if (name !== null || this.#decoded === null) settle(name, null);
    else this.#decoded.write(chunk, settle);
  }

  override _flush(callback: TransformCallback): void {
    const settle = (found: string | null, failure: Error | null): void =>
      callback(found === null ? failure : new LeakError(this.#toLeak(found)));
    if (this.#decoded === null) settle(null, null);
    else this.#decoded.end(settle);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#decoded?.destroy();
    callback(error);
  }
}
