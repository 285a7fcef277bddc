import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { announcesBody, type Fields, fieldValue, fieldValues } from '../fields.ts';
import type { GuestAnswer, GuestRequest, GuestUpgrade } from '../guest-request.ts';
import type { GuestHttp1Connection, OpenAnswer } from './guest-http1-connection.ts';
import type { HandshakeAnswer } from './handshake-response.ts';

/** How a request came to the server: what its answer must take care of first. */
export interface Http1Arrival {
  readonly connection: GuestHttp1Connection;
  readonly open: OpenAnswer;
  /** The guest waits for `100 Continue` before it sends the body. */
  readonly isWaiting: boolean;
  /** The connection ends with this answer. */
  readonly isLast: boolean;
}

/** An HTTP/1 request as Node's parser gave it: strict, so that no body length is in doubt. */
export class Http1Request implements GuestRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly httpVersion: string;
  readonly hasBody: boolean;
  readonly expectsContinue: boolean;
  readonly answer: GuestAnswer;
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage, answer: GuestAnswer, expectsContinue = false) {
    this.#request = request;
    this.method = request.method ?? '';
    this.target = request.url ?? '';
    this.fields = request.rawHeaders;
    this.httpVersion = request.httpVersionMinor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    this.hasBody = announcesBody(request.rawHeaders);
    this.expectsContinue = expectsContinue && this.hasBody;
    this.answer = answer;
  }

  get authorities(): readonly string[] {
    return fieldValues(this.fields, 'host');
  }

  readBody(): AsyncIterable<Buffer> {
    const iterable = this.#request.iterator({ destroyOnReturn: false });
    return { [Symbol.asyncIterator]: () => iterable as AsyncIterableIterator<Buffer> };
  }

  trailers(): Fields {
    return this.#request.rawTrailers;
  }
}

/** A request to leave HTTP for WebSocket; Node has let go of its stream already. */
export class Http1Upgrade extends Http1Request implements GuestUpgrade {
  readonly #handshake: HandshakeAnswer;

  constructor(request: IncomingMessage, handshake: HandshakeAnswer) {
    super(request, handshake);
    this.#handshake = handshake;
  }

  accept(statusText: string, fields: Fields): { readonly stream: Duplex; readonly head: Buffer } {
    return this.#handshake.accept(statusText, fields);
  }
}

/** HTTP/1.0 keeps a connection only for those who ask (RFC 9112 §9.3); Node never does for its version. */
function wantsHttp10KeepAlive(request: IncomingMessage): boolean {
  const options = fieldValues(request.rawHeaders, 'connection').join().toLowerCase().split(',');
  const isNamed = (name: string): boolean => options.some((option) => option.trim() === name);
  return request.httpVersionMinor === 0 && isNamed('keep-alive') && !isNamed('close');
}

/** The answer on an HTTP/1 connection: Node chooses the framing (length, chunks or close). */
export class Http1Answer implements GuestAnswer {
  readonly #response: ServerResponse;
  readonly #arrival: Http1Arrival;
  readonly #isHttp10Kept: boolean;
  #isWaiting: boolean;
  #isFlushed = false;

  constructor(request: IncomingMessage, response: ServerResponse, arrival: Http1Arrival) {
    this.#response = response;
    this.#arrival = arrival;
    this.#isHttp10Kept = !arrival.isLast && wantsHttp10KeepAlive(request);
    this.#isWaiting = arrival.isWaiting;
    response.sendDate = false;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  listen(listeners: { onDrain: () => void; onGone: () => void }): void {
    const response = this.#response;
    const { connection, open } = this.#arrival;
    response.on('drain', connection.guard(listeners.onDrain));
    const onClose = (): void => {
      if (!response.writableFinished) listeners.onGone();
    };
    response.once('close', connection.guard(onClose));
    open.onGone = connection.guard(listeners.onGone);
  }

  onReleased(listener: () => void): void {
    const { connection, open } = this.#arrival;
    const guarded = connection.guard(listener);
    this.#response.once('close', guarded);
    // Before Node 24 a response behind another one never closes when its connection does.
    open.onReleased = guarded;
  }

  dismiss(status: number, statusText: string, fields: Fields): void {
    this.begin(status, statusText, fields);
    this.end([]);
  }

  inform(status: number, fields: Fields): void {
    const links = fieldValues(fields, 'link');
    if (status !== 103 || links.length === 0 || this.hasBegun) return;
    try {
      this.#response.writeEarlyHints({ link: links });
    } catch {
      // Node takes only links of one form. A hint may always be left out: the answer itself will come.
    }
  }

  invite(): void {
    if (!this.#isWaiting || this.hasBegun) return;
    this.#isWaiting = false;
    this.#response.writeContinue();
  }

  begin(status: number, statusText: string, fields: Fields): void {
    // A body that was announced and never asked for may come or not: the connection can't be used again.
    if (this.#isWaiting) this.#response.shouldKeepAlive = false;
    else if (this.#isHttp10Kept && fieldValue(fields, 'content-length') !== null) {
      this.#response.shouldKeepAlive = true;
    }
    this.#response.writeHead(status, statusText, lengthLast(fields));
    // With the first bytes of the body in one packet where they are there already; alone, at once, for a slow body.
    const flush = (): void => {
      // `flushHeaders` would write the head as UTF-8; before bytes it goes out as it is.
      if (!this.#isFlushed && !this.#response.destroyed) this.#response.write(NO_BYTES);
    };
    process.nextTick(this.#arrival.connection.guard(flush));
  }

  write(chunk: Buffer): boolean {
    this.#isFlushed = true;
    this.#arrival.connection.moved();
    return this.#response.write(chunk);
  }

  end(trailers: Fields): void {
    this.#isFlushed = true;
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers));
    this.#response.end();
  }

  reset(): void {
    // The raw stream first: a TLS closure alert would make a body without a length look whole.
    this.#arrival.connection.raw.destroy();
    this.#response.destroy();
  }
}

const NO_BYTES = Buffer.alloc(0);

/** Node makes bytes of a `Content-Disposition` that comes after a `Content-Length`, and then finds them invalid. */
function lengthLast(fields: Fields): string[] {
  const others: string[] = [];
  const lengths: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const list = name.toLowerCase() === 'content-length' ? lengths : others;
    list.push(name, fields[at + 1] ?? '');
  }
  return [...others, ...lengths];
}

function pairsOf(fields: Fields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    pairs.push([fields[at] ?? '', fields[at + 1] ?? '']);
  }
  return pairs;
}
