import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Fields, fieldValue, fieldValues } from './fields.ts';
import type { GuestAnswer, GuestRequest, GuestUpgrade } from './guest-request.ts';
import type { Http1Line } from './http1-line.ts';

/** How a request came to the server: what its answer must take care of first. */
export interface Http1Arrival {
  readonly line: Http1Line;
  /** The guest waits for `100 Continue` before it sends the body. */
  readonly isWaiting: boolean;
  /** It asked for `Upgrade` or `CONNECT`: Node reads nothing more. */
  readonly isDetached: boolean;
}

/** An HTTP/1 request as Node's parser gave it: strict, so that no body length is in doubt. */
export class Http1Request implements GuestRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly httpVersion: string;
  readonly hasBody: boolean;
  readonly isBodyLost: boolean;
  readonly answer: GuestAnswer;
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage, response: ServerResponse, arrival: Http1Arrival) {
    this.#request = request;
    this.method = request.method ?? '';
    this.target = request.url ?? '';
    this.fields = request.rawHeaders;
    this.httpVersion = request.httpVersionMinor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    this.hasBody = announcesBody(request.rawHeaders);
    this.isBodyLost = this.hasBody && arrival.isDetached;
    this.answer = new Http1Answer(response, arrival, wantsHttp10KeepAlive(request));
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

/** A request to leave HTTP for WebSocket; Node has let go of its socket already. */
export class Http1Upgrade extends Http1Request implements GuestUpgrade {
  readonly #response: ServerResponse;
  readonly #socket: Duplex;
  readonly #head: Buffer;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    at: { readonly line: Http1Line; readonly socket: Duplex; readonly head: Buffer },
  ) {
    super(request, response, { line: at.line, isWaiting: false, isDetached: true });
    this.#response = response;
    this.#socket = at.socket;
    this.#head = at.head;
  }

  accept(statusText: string, fields: Fields): { readonly stream: Duplex; readonly head: Buffer } {
    const response = this.#response;
    const all = [...fields, 'connection', 'upgrade', 'upgrade', 'websocket'];
    response.removeAllListeners('finish').removeAllListeners('close');
    response.writeHead(101, statusText, all);
    response.end();
    response.detachSocket(this.#socket as never);
    return { stream: this.#socket, head: this.#head };
  }
}

/** HTTP/1.0 keeps a connection only for those who ask (RFC 9112 §9.3); Node never does for its version. */
function wantsHttp10KeepAlive(request: IncomingMessage): boolean {
  const options = fieldValues(request.rawHeaders, 'connection').join().toLowerCase().split(',');
  const isNamed = (name: string): boolean => options.some((option) => option.trim() === name);
  return request.httpVersionMinor === 0 && isNamed('keep-alive') && !isNamed('close');
}

function announcesBody(fields: Fields): boolean {
  if (fieldValue(fields, 'transfer-encoding') !== null) return true;
  const length = fieldValue(fields, 'content-length');
  return length !== null && Number(length) !== 0;
}

/** The answer on an HTTP/1 connection: Node chooses the framing (length, chunks or close). */
class Http1Answer implements GuestAnswer {
  readonly #response: ServerResponse;
  readonly #arrival: Http1Arrival;
  readonly #isHttp10Kept: boolean;
  #isWaiting: boolean;
  #isFlushed = false;

  constructor(response: ServerResponse, arrival: Http1Arrival, isHttp10Kept: boolean) {
    this.#response = response;
    this.#arrival = arrival;
    this.#isHttp10Kept = isHttp10Kept && !arrival.isDetached;
    this.#isWaiting = arrival.isWaiting;
    response.sendDate = false;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  listen(listeners: { onDrain: () => void; onGone: () => void }): void {
    const response = this.#response;
    response.on('drain', listeners.onDrain).on('error', () => undefined);
    response.once('close', () => {
      if (!response.writableFinished) listeners.onGone();
    });
    this.#arrival.line.onBroken(response, listeners.onGone);
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
    this.#response.writeHead(status, statusText, fields as string[]);
    // With the first bytes of the body in one packet where they are there already; alone, at once, for a slow body.
    process.nextTick(() => {
      if (!this.#isFlushed && !this.#response.destroyed) this.#response.flushHeaders();
    });
  }

  write(chunk: Buffer): boolean {
    this.#isFlushed = true;
    this.#arrival.line.moved();
    return this.#response.write(chunk);
  }

  end(trailers: Fields): void {
    this.#isFlushed = true;
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers));
    this.#response.end();
  }

  reset(): void {
    // The raw stream first: a TLS closure alert would make a body without a length look whole.
    this.#arrival.line.raw.destroy();
    this.#response.destroy();
  }
}

function pairsOf(fields: Fields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    pairs.push([fields[at] ?? '', fields[at + 1] ?? '']);
  }
  return pairs;
}
