import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Fields, flatFields, recordOf } from './fields.ts';
import type { Guard } from './guard.ts';
import type { GuestAnswer, GuestRequest } from './guest-request.ts';

const { NGHTTP2_NO_ERROR } = constants;

/** One stream of the guest's HTTP/2 connection. nghttp2 has refused malformed fields already. */
export class Http2Request implements GuestRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly httpVersion = 'HTTP/2.0';
  readonly hasBody: boolean;
  readonly answer: GuestAnswer;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  #trailers: Fields = [];

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, guard: Guard) {
    this.#stream = stream;
    this.#headers = headers;
    this.method = String(headers[':method'] ?? '');
    this.target = String(headers[':path'] ?? '');
    this.fields = flatFields(headers);
    this.hasBody = !stream.endAfterHeaders;
    this.answer = new Http2Answer(stream, headers['expect'] === '100-continue', guard);
    const onTrailers = (trailers: IncomingHttpHeaders): void => {
      this.#trailers = flatFields(trailers);
    };
    stream.on('trailers', guard(onTrailers));
  }

  get authorities(): readonly string[] {
    const named = [this.#headers[':authority'], this.#headers.host];
    return named.filter((authority) => authority !== undefined);
  }

  readBody(): AsyncIterable<Buffer> {
    const stream = this.#stream;
    return { [Symbol.asyncIterator]: () => wholeBody(stream) };
  }

  trailers(): Fields {
    return this.#trailers;
  }
}

/** Node ends the readable of a stream that the guest cancelled: that is no whole body. */
async function* wholeBody(stream: ServerHttp2Stream): AsyncGenerator<Buffer> {
  yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  if (stream.aborted || stream.rstCode !== NGHTTP2_NO_ERROR)
    throw new Error('the guest cancelled the request');
}

class Http2Answer implements GuestAnswer {
  readonly #guard: Guard;
  readonly #stream: ServerHttp2Stream;
  #trailers: Fields = [];
  #hasEnded = false;
  #isWaiting: boolean;

  constructor(stream: ServerHttp2Stream, isWaiting: boolean, guard: Guard) {
    this.#guard = guard;
    this.#stream = stream;
    this.#isWaiting = isWaiting;
  }

  get hasBegun(): boolean {
    return this.#stream.headersSent;
  }

  listen(listeners: { onDrain: () => void; onGone: () => void }): void {
    this.#stream.on('drain', listeners.onDrain);
    const onClose = (): void => {
      if (!this.#hasEnded || this.#stream.rstCode !== NGHTTP2_NO_ERROR) listeners.onGone();
    };
    this.#stream.once('close', this.#guard(onClose));
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
    const onWant = (): void => {
      try {
        stream.sendTrailers(recordOf(this.#trailers));
      } catch {
        // A server's trailers that Node does not write. Without them the answer is not whole.
        this.reset();
        return;
      }
      // RFC 9113 §8.1: a whole answer may come before the whole request, whose rest is then not wanted.
      const close = this.#guard(() => stream.close(NGHTTP2_NO_ERROR));
      if (!stream.readableEnded) setImmediate(close);
    };
    stream.once('wantTrailers', this.#guard(onWant));
  }

  write(chunk: Buffer): boolean {
    return this.#isOpen() ? this.#stream.write(chunk) : true;
  }

  end(trailers: Fields): void {
    this.#trailers = trailers;
    this.#hasEnded = true;
    if (this.#isOpen()) this.#stream.end();
  }

  reset(): void {
    this.#hasEnded = true;
    // `close()` would end the body in order before it resets the stream.
    if (!this.#stream.destroyed) this.#stream.destroy(new Error('the answer broke off'));
  }

  #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }
}
