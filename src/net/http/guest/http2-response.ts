import { constants, type ServerHttp2Stream } from 'node:http2';
import { type Fields, toHttp2Headers } from '../fields.ts';
import type { Guard } from '../guard.ts';
import type { GuestResponse } from '../guest-request.ts';
import type { Attempt, ResponseHead, Tunnel } from '../response-handler.ts';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

/** The settings that the responses of a guest's connection share. */
export interface Http2Arrival {
  readonly guard: Guard;
  /** Time that the response may wait for a guest that takes nothing of it. */
  readonly stallMs: number;
}

/**
 * The response on one HTTP/2 stream. It outlives its exchange while the guest's window is closed, so it keeps nothing of the
 * request.
 */
export class Http2Response implements GuestResponse {
  readonly #stream: ServerHttp2Stream;
  readonly #guard: Guard;
  readonly #stallMs: number;
  #abort: (() => void) | null = null;
  #resume: (() => void) | null = null;
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
      guard(() => this.#resume?.()),
    );
    stream.once(
      'close',
      guard(() => this.#onClose()),
    );
  }

  get hasBegun(): boolean {
    return this.#stream.headersSent;
  }

  onReleased(listener: () => void): void {
    if (this.#stream.closed && this.#stream.destroyed) listener();
    else this.#stream.once('close', this.#guard(listener));
  }

  onStart({ abort }: Attempt): void {
    this.#abort = abort;
  }

  dismiss({ status, fields }: ResponseHead): void {
    this.#end();
    if (!this.#isOpen()) return;
    this.#stream.respond({ ':status': status, ...toHttp2Headers(fields) }, { endStream: true });
    if (!this.#stream.readableEnded) this.#refuseRest();
  }

  onInformation(status: number, fields: Fields): void {
    if (status === 100) {
      if (!this.#isWaiting) return;
      this.#isWaiting = false;
    }
    if (!this.#isOpen() || this.hasBegun) return;
    try {
      this.#stream.additionalHeaders({ ':status': status, ...toHttp2Headers(fields) });
    } catch {
      // Node does not write all that a server may. A hint may always be left out: the response itself will come.
    }
  }

  onHead({ status, fields }: ResponseHead, resume: () => void): boolean {
    if (!this.#isOpen()) return true;
    const stream = this.#stream;
    const headers = { ':status': status, ...toHttp2Headers(fields) };
    stream.respond(headers, { waitForTrailers: true });
    this.#resume = resume;
    stream.once(
      'wantTrailers',
      this.#guard(() => this.#sendTrailers()),
    );
    this.#watchStall();
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#isOpen() ? this.#stream.write(chunk) : true;
  }

  onEnd(trailers: Fields): void {
    this.#trailers = trailers;
    this.#end();
    if (!this.#isOpen()) return;
    this.#stream.end();
    // The guest's window may delay the response: the request's body must not fill ours.
    this.#stream.resume();
  }

  onUpgrade(_head: ResponseHead, tunnel: Tunnel): void {
    tunnel.stream.destroy();
    this.onError();
  }

  onError(): void {
    this.#hasEnded = true;
    // `close()` would end the body in order before it resets the stream.
    if (!this.#stream.destroyed) this.#stream.destroy(new Error('the response broke off'));
  }

  #end(): void {
    this.#hasEnded = true;
    this.#abort = null;
    this.#resume = null;
  }

  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers(toHttp2Headers(this.#trailers));
    } catch {
      // A server's trailers that Node does not write. Without them the response is not whole.
      this.onError();
      return;
    }
    if (!this.#stream.readableEnded) this.#refuseRest();
  }

  /** RFC 9113 §8.1: a whole response may come before the whole request, whose rest is then not wanted. */
  #refuseRest(): void {
    setImmediate(this.#guard(() => this.#stream.close(NGHTTP2_NO_ERROR)));
  }

  /** Node's clock restarts with each byte that moves. It is set again while the response waits for its server. */
  #watchStall(): void {
    const check = (): void => {
      const isHeld = this.#hasEnded || this.#stream.writableLength > 0;
      if (isHeld) this.#stream.close(NGHTTP2_CANCEL);
      else this.#watchStall();
    };
    this.#stream.setTimeout(this.#stallMs, this.#guard(check));
  }

  #onClose(): void {
    const abort = this.#abort;
    this.#abort = null;
    this.#resume = null;
    if (!this.#hasEnded || this.#stream.rstCode !== NGHTTP2_NO_ERROR) abort?.();
  }

  #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }
}
