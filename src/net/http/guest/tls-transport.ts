import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/**
 * A guest's stream as TLS gets it. Node destroys what lies below TLS as soon as TLS has ended; on a guest's stream that
 * is a reset, which overtakes the last bytes of a response and the closure alert after them. Here an end in order leaves
 * the stream to the guest, who ends it too (or meets the limit of `limitLinger`). Everything else is passed on as it is.
 */
export class TlsTransport extends Duplex {
  readonly #raw: Duplex;
  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#raw.pause();
  };

  /** Called when the guest's bytes end: returns whether it ended TLS before. A guest that did not is gone, not half-closed. */
  hasTlsEnded: () => boolean = () => true;

  constructor(raw: Duplex) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark: raw.readableHighWaterMark,
      writableHighWaterMark: raw.writableHighWaterMark,
    });
    this.#raw = raw;
    raw.on('data', this.#onData).pause();
    // The last bytes take until then to pass TLS.
    raw.once('end', () => setImmediate(() => this.#onRawEnd()));
    raw.once('close', () => this.destroy(raw.errored ?? undefined));
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#raw.write(chunk, done);
  }

  override _final(done: Done): void {
    this.#raw.end(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    // The rest of the guest's bytes is discarded.
    if (error === null && this.#raw.writableEnded) this.#raw.off('data', this.#onData).resume();
    else this.#raw.destroy();
    done(error);
  }

  #onRawEnd(): void {
    if (this.destroyed) return;
    if (this.hasTlsEnded()) this.push(null);
    else this.#raw.destroy();
  }
}
