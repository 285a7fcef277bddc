import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Fields, fieldPairs, fieldValue, fieldValues } from '../fields.ts';
import type { GuestResponse } from '../guest-request.ts';
import type { Attempt, ResponseHead, Tunnel } from '../response-handler.ts';
import type { GuestHttp1Connection, OpenResponse } from './guest-http1-connection.ts';

/** The circumstances of a request that its response depends on. */
export interface Http1Arrival {
  readonly connection: GuestHttp1Connection;
  readonly open: OpenResponse;
  /** The guest waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** The connection ends with this response. */
  readonly isLast: boolean;
}

const NO_BYTES = Buffer.alloc(0);

/** The response on an HTTP/1 connection: Node chooses the framing (length, chunks or close). */
export class Http1Response implements GuestResponse {
  readonly #response: ServerResponse;
  readonly #arrival: Http1Arrival;
  readonly #isHttp10Kept: boolean;
  #isWaiting: boolean;
  #isFlushed = false;

  constructor(request: IncomingMessage, response: ServerResponse, arrival: Http1Arrival) {
    this.#response = response;
    this.#arrival = arrival;
    this.#isHttp10Kept = !arrival.isLast && wantsHttp10KeepAlive(request);
    this.#isWaiting = arrival.expectsContinue;
    response.sendDate = false;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  onReleased(listener: () => void): void {
    const { connection, open } = this.#arrival;
    const guarded = connection.guard(listener);
    this.#response.once('close', guarded);
    // Before Node 24 a response that waits for an earlier one never closes when its connection does.
    open.onReleased = guarded;
  }

  onStart({ abort }: Attempt): void {
    const response = this.#response;
    const { connection, open } = this.#arrival;
    const onClose = (): void => {
      if (!response.writableFinished) abort();
    };
    response.once('close', connection.guard(onClose));
    open.onGone = connection.guard(abort);
  }

  dismiss(head: ResponseHead): void {
    this.onHead(head, () => undefined);
    this.onEnd([]);
  }

  onInformation(status: number, fields: Fields): void {
    if (this.hasBegun) return;
    const links = fieldValues(fields, 'link');
    if (status === 100) this.#sendContinue();
    else if (status === 103 && links.length > 0) this.#sendHints(links);
  }

  onHead({ status, statusText, fields }: ResponseHead, resume: () => void): boolean {
    const response = this.#response;
    // A body that was announced and never asked for may come or not: the connection can't be used again.
    if (this.#isWaiting) response.shouldKeepAlive = false;
    else if (this.#isHttp10Kept && fieldValue(fields, 'content-length') !== null) {
      response.shouldKeepAlive = true;
    }
    response.writeHead(status, statusText, lengthLast(fields));
    const { guard } = this.#arrival.connection;
    response.on('drain', guard(resume));
    // With the first bytes of the body in one packet where they are there already; alone, at once, for a slow body.
    const flush = (): void => {
      // `flushHeaders` would write the head as UTF-8; before bytes it goes out as it is.
      if (!this.#isFlushed && !response.destroyed) response.write(NO_BYTES);
    };
    process.nextTick(guard(flush));
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#isFlushed = true;
    this.#arrival.connection.moved();
    return this.#response.write(chunk);
  }

  onEnd(trailers: Fields): void {
    this.#isFlushed = true;
    if (trailers.length > 0) this.#response.addTrailers(fieldPairs(trailers));
    this.#response.end();
  }

  onUpgrade(_head: ResponseHead, tunnel: Tunnel): void {
    tunnel.stream.destroy();
    this.onError();
  }

  onError(): void {
    // The raw stream first: a TLS closure alert would make a body without a length look whole.
    this.#arrival.connection.raw.destroy();
    this.#response.destroy();
  }

  #sendContinue(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#response.writeContinue();
  }

  #sendHints(links: string[]): void {
    try {
      this.#response.writeEarlyHints({ link: links });
    } catch {
      // Node takes only links of one form. A hint may always be left out: the response itself will come.
    }
  }
}

/** HTTP/1.0 keeps a connection only for those who ask (RFC 9112 §9.3); Node never does for its version. */
function wantsHttp10KeepAlive(request: IncomingMessage): boolean {
  const options = fieldValues(request.rawHeaders, 'connection').join().toLowerCase().split(',');
  const isNamed = (name: string): boolean => options.some((option) => option.trim() === name);
  return request.httpVersionMinor === 0 && isNamed('keep-alive') && !isNamed('close');
}

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
