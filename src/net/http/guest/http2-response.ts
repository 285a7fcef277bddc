import { constants, type ServerHttp2Stream } from 'node:http2';
import { type Fields, recordOf } from '../fields.ts';
import type { Guard } from '../guard.ts';
import type { GuestAnswer } from '../guest-request.ts';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

/** How a stream of a guest's connection is served. */
export interface Http2Arrival {
  readonly guard: Guard;
  /** How long the answer may wait for a guest that takes nothing of it. */
  readonly stallMs: number;
}

interface Listeners {
  onDrain(): void;
  onGone(): void;
}

/**
 * The answer on one HTTP/2 stream. It outlives its exchange while the guest's window is closed, so it keeps nothing of the
 * request.
 */
export class Http2Answer implements GuestAnswer {
  readonly #stream: ServerHttp2Stream;
  readonly #guard: Guard;
  readonly #stallMs: number;
  #listeners: Listeners | null = null;
  #trailers: Fields = [];
  #hasEnded = false;
  #isWaiting: boolean;

  /** @param isWaiting  The guest waits for `100 Continue`. */
  constructor(stream: ServerHttp2Stream, isWaiting: boolean, { guard, stallMs }: Http2Arrival) {
    this.#stream = stream;
    this.#guard = guard;
    this.#stallMs = stallMs;
    this.#isWaiting = isWaiting;
    stream.on(
      'drain',
      guard(() => this.#listeners?.onDrain()),
    );
    stream.once(
      'close',
      guard(() => this.#onClose()),
    );
  }

  get hasBegun(): boolean {
    return this.#stream.headersSent;
  }

  listen(listeners: Listeners): void {
    this.#listeners = listeners;
  }

  onReleased(listener: () => void): void {
    if (this.#stream.closed && this.#stream.destroyed) listener();
    else this.#stream.once('close', this.#guard(listener));
  }

  dismiss(status: number, _statusText: string, fields: Fields): void {
    this.#hasEnded = true;
    if (!this.#isOpen()) return;
    this.#stream.respond({ ':status': status, ...recordOf(fields) }, { endStream: true });
    if (!this.#stream.readableEnded) this.#refuseRest();
  }

  inform(status: number, fields: Fields): void {
    if (!this.#isOpen() || this.hasBegun) return;
    try {
      this.#stream.additionalHeaders({ ':status': status, ...recordOf(fields) });
    } catch {
      // What a server may write Node need not. A hint may always be left out: the answer itself will come.
    }
  }

  invite(): void {
    if (this.#isWaiting) this.inform(100, []);
    this.#isWaiting = false;
  }

  begin(status: number, _statusText: string, fields: Fields): void {
    if (!this.#isOpen()) return;
    const stream = this.#stream;
    stream.respond({ ':status': status, ...recordOf(fields) }, { waitForTrailers: true });
    stream.once(
      'wantTrailers',
      this.#guard(() => this.#endStream()),
    );
    this.#watchStall();
  }

  write(chunk: Buffer): boolean {
    return this.#isOpen() ? this.#stream.write(chunk) : true;
  }

  end(trailers: Fields): void {
    this.#trailers = trailers;
    this.#hasEnded = true;
    this.#listeners = null;
    if (!this.#isOpen()) return;
    this.#stream.end();
    // A window of the guest's may keep the answer: its body must not fill ours.
    this.#stream.resume();
  }

  reset(): void {
    this.#hasEnded = true;
    // `close()` would end the body in order before it resets the stream.
    if (!this.#stream.destroyed) this.#stream.destroy(new Error('the answer broke off'));
  }

  #endStream(): void {
    try {
      this.#stream.sendTrailers(recordOf(this.#trailers));
    } catch {
      // A server's trailers that Node does not write. Without them the answer is not whole.
      this.reset();
      return;
    }
    if (!this.#stream.readableEnded) this.#refuseRest();
  }

  /** RFC 9113 §8.1: a whole answer may come before the whole request, whose rest is then not wanted. */
  #refuseRest(): void {
    setImmediate(this.#guard(() => this.#stream.close(NGHTTP2_NO_ERROR)));
  }

  /** Node's clock starts anew with each byte that moves. One that waits for its server, not for the guest, runs on. */
  #watchStall(): void {
    const check = (): void => {
      const isHeld = this.#hasEnded || this.#stream.writableLength > 0;
      if (isHeld) this.#stream.close(NGHTTP2_CANCEL);
      else this.#watchStall();
    };
    this.#stream.setTimeout(this.#stallMs, this.#guard(check));
  }

  #onClose(): void {
    const listeners = this.#listeners;
    this.#listeners = null;
    if (!this.#hasEnded || this.#stream.rstCode !== NGHTTP2_NO_ERROR) listeners?.onGone();
  }

  #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }
}
