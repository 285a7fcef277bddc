import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/**
 * A guest's stream as TLS gets it. Node destroys what lies below TLS as soon as TLS has ended; on a guest's stream that
 * is a reset, which overtakes the last bytes of an answer and the closure alert behind them. Here an end in order leaves
 * the stream to the guest, who ends it too (or meets the limit of `limitLinger`). Everything else is passed on as it is.
 */
export class TlsTransport extends Duplex {
  readonly #raw: Duplex;
  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#raw.pause();
  };

  /** Asked when the guest's bytes end: has it ended TLS before? One that has not is gone, not half-closed. */
  hasTlsEnded: () => boolean = () => true;

  constructor(raw: Duplex) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark: raw.readableHighWaterMark,
      writableHighWaterMark: raw.writableHighWaterMark,
    });
    this.#raw = raw;
    raw.on('data', this.#onData).pause();
    // What came last takes until then through TLS.
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
    // What the guest still sends is nobody's.
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
