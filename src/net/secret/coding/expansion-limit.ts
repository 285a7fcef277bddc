import { Transform, type TransformCallback } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';

/** A little more than deflate's best; brotli, and codings within codings, make millions of one byte. */
const MAX_RATIO = 1_100;
const FREE_BYTES = 16 * 2 ** 20;

/** Limits the ratio of bytes out of decoders to bytes in: a few kilobytes must not become gigabytes of work. */
export class ExpansionLimit {
  #codedBytes = 0;
  #decodedBytes = 0;

  addCoded(bytes: number): void {
    this.#codedBytes += bytes;
  }

  /** @throws {GondolinError} NET_BODY_LIMIT beyond 16 MiB and 1,100 times what went in. */
  addDecoded(bytes: number): void {
    this.#decodedBytes += bytes;
    if (this.#decodedBytes <= FREE_BYTES + MAX_RATIO * this.#codedBytes) return;
    throw new GondolinError(
      'NET_BODY_LIMIT',
      'a compressed body grows too large when it is decoded',
    );
  }

  /** Returns counting streams for both ends of a chain of decoders. */
  createStages(): { readonly before: Transform; readonly after: Transform } {
    return {
      before: counting((bytes) => this.addCoded(bytes)),
      after: counting((bytes) => this.addDecoded(bytes)),
    };
  }
}

function counting(count: (bytes: number) => void): Transform {
  return new Transform({
    highWaterMark: 64 * 1024,
    transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback) {
      try {
        count(chunk.length);
      } catch (error) {
        callback(error as Error);
        return;
      }
      callback(null, chunk);
    },
  });
}
