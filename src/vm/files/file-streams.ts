import { Readable, Writable } from 'node:stream';
import { MAX_FILES_DATA_BYTES } from '../../protocol/constants.ts';
import type { OpenGuestFile } from './open-file.ts';
import { readRange } from './read.ts';
import { TransferWindow } from './transfer-window.ts';

/** A range to read: bytes from `start` to `end`, both included, as in `node:fs`. */
export interface ReadRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  /** Bytes of one read, 1..262144. @default 131072 */
  readonly highWaterMark?: number | undefined;
}

type Opener = () => Promise<OpenGuestFile>;

async function* readAll(open: Opener, range: ReadRange): AsyncGenerator<Buffer, void> {
  const file = await open();
  try {
    const { start = 0, end = Number.POSITIVE_INFINITY, highWaterMark } = range;
    const own =
      highWaterMark === undefined
        ? {}
        : { chunkBytes: Math.max(1, Math.min(highWaterMark, MAX_FILES_DATA_BYTES)) };
    yield* readRange(file, { start, end: end + 1, ...own });
    await file.close();
  } finally {
    await file.discard();
  }
}

/** Streams a file of the guest out; it is closed when the stream ends or is destroyed. */
export function readStream(open: Opener, range: ReadRange): Readable {
  return Readable.from(readAll(open, range), { objectMode: false, highWaterMark: 1 });
}

interface Chunk {
  readonly chunk: Buffer;
}

/** Streams a file in: a write calls back once few enough are under way, the end once all of them are done. */
export class FileWriteStream extends Writable {
  readonly #open: Opener;
  readonly #window = new TransferWindow();
  #file: OpenGuestFile | undefined;
  #offset: number;

  constructor(open: Opener, start = 0) {
    super({ highWaterMark: MAX_FILES_DATA_BYTES });
    this.#open = open;
    this.#offset = start;
  }

  override _construct(done: (error?: Error | null) => void): void {
    this.#open().then((file) => {
      this.#file = file;
      done();
    }, done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  /** Small writes that waited for an earlier one become one. */
  override _writev(chunks: Chunk[], done: (error?: Error) => void): void {
    const whole = Buffer.concat(chunks.map(({ chunk }) => chunk));
    this.#send(whole).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    const finish = async (): Promise<void> => {
      await this.#window.settle();
      await this.#file?.close();
    };
    finish().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const closed = this.#file?.discard() ?? Promise.resolve();
    void closed.then(() => done(error));
  }

  async #send(data: Buffer): Promise<void> {
    const file = this.#file;
    for (let at = 0; file !== undefined && at < data.length; at += MAX_FILES_DATA_BYTES) {
      const part = data.subarray(at, at + MAX_FILES_DATA_BYTES);
      const offset = this.#offset;
      this.#offset += part.length;
      await this.#window.add(file.write(offset, part));
    }
  }
}
