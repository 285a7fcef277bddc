import { Transform, type TransformCallback } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { parseContentEncoding } from './content-encoding.ts';
import { DecodedScan } from './decoded-scan.ts';
import { LeakScanner } from './leak-scanner.ts';
import type { PlaceholderIndex } from './placeholder-index.ts';

/** The error a leak ends a request with. */
export function leakError(name: string, where: string): GondolinError {
  return new GondolinError(
    'NET_SECRET_LEAK',
    `The placeholder of secret ${name} was sent where it may not go: ${where}`,
    { details: { name, where } },
  );
}

/**
 * Passes a request body (or any bytes) on unchanged and fails with NET_SECRET_LEAK before the chunk that completes a
 * placeholder is passed on. Bodies with a content-encoding are looked at decoded too.
 */
export class LeakScanStream extends Transform {
  readonly #where: string;
  readonly #raw: LeakScanner;
  readonly #decoded: DecodedScan | null;

  /**
   * @param where  Shown in the error and the event: `body`, `tcp`, `trailer`.
   * @param contentEncoding  Of the body, untrusted; what is unknown is looked at as it is.
   */
  constructor(index: PlaceholderIndex, where: string, contentEncoding = '') {
    super({ highWaterMark: 64 * 1024 });
    this.#where = where;
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
      const error = found === null ? failure : leakError(found, this.#where);
      if (error === null) callback(null, chunk);
      else callback(error);
    };
    if (name !== null || this.#decoded === null) settle(name, null);
    else this.#decoded.write(chunk, settle);
  }

  override _flush(callback: TransformCallback): void {
    const settle = (found: string | null, failure: Error | null): void =>
      callback(found === null ? failure : leakError(found, this.#where));
    if (this.#decoded === null) settle(null, null);
    else this.#decoded.end(settle);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#decoded?.destroy();
    callback(error);
  }
}
