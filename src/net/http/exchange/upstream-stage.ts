import { GondolinError } from '../../../errors/gondolin-error.ts';
import { MAX_INFORMATIONAL_ANSWERS } from '../../limits.ts';
import { endToEnd, type Fields, fieldValue, fieldValues } from '../fields.ts';
import { GuardedHandler } from '../guard.ts';
import type { Attempt, ResponseHandler, ResponseHead, Tunnel } from '../response-handler.ts';
import type { UpstreamCall } from '../upstream/upstream-call.ts';
import type { Exchange } from './exchange.ts';
import type { HttpServices } from './http-services.ts';
import type { Dispatch, StagedRequest } from './stage.ts';

/** Advertises other addresses or QUIC: a guest that followed it would only find it closed. */
const NOT_FOR_GUESTS: ReadonlySet<string> = new Set(['alt-svc']);

/** The innermost part of an exchange: sends the request to its server. */
export function sendUpstream({ upstream }: Pick<HttpServices, 'upstream'>): Dispatch {
  return (request, handler) => {
    const { exchange } = request;
    const { context } = exchange;
    try {
      const response = new GuardedHandler(new ServerResponse(handler, exchange), (error) =>
        exchange.fault(error),
      );
      upstream.send(context, context.protocol, toCall(request), response);
    } catch (error) {
      handler.onError(error as Error);
    }
  };
}

function toCall({
  exchange,
  method,
  path,
  fields,
  body,
  trailers,
  ...more
}: StagedRequest): UpstreamCall {
  const { guest, context } = exchange;
  return {
    method,
    path,
    authority: context.authority,
    fields,
    body,
    trailers,
    takesTrailers: fieldValue(guest.fields, 'te') === 'trailers',
    expectsContinue: more.expectsContinue && body !== null,
    upgrade: guest.isUpgrade ? 'websocket' : null,
  };
}

/** Checks what a server sends before any stage sees it, and breaks the call off once the exchange is over. */
class ServerResponse implements ResponseHandler {
  readonly #next: ResponseHandler;
  readonly #exchange: Exchange;
  #attempt: Attempt | null = null;
  #hasEnded = false;
  #informationalResponses = 0;

  constructor(next: ResponseHandler, exchange: Exchange) {
    this.#next = next;
    this.#exchange = exchange;
    exchange.onOver(() => {
      if (!this.#hasEnded) this.#attempt?.abort();
    });
  }

  onStart(attempt: Attempt): void {
    this.#attempt = attempt;
    if (this.#exchange.isOver) attempt.abort();
    this.#next.onStart(attempt);
  }

  onInformation(status: number, fields: Fields): void {
    if (this.#exchange.isOver) return;
    if (status !== 100) {
      this.#informationalResponses += 1;
      if (this.#informationalResponses > MAX_INFORMATIONAL_ANSWERS) {
        this.#next.onError(this.#invalid('sends informational responses without end'));
        return;
      }
    }
    // 101 without an upgrade says nothing about the response to come.
    if (status !== 101) this.#next.onInformation(status, endToEnd(fields));
  }

  onHead(head: ResponseHead, resume: () => void): boolean {
    if (this.#exchange.isOver) return true;
    try {
      this.#assertChunked(head.fields);
      return this.#next.onHead({ ...head, fields: endToEnd(head.fields, NOT_FOR_GUESTS) }, resume);
    } catch (error) {
      // A field of the server that the guest's version of HTTP cannot carry.
      this.#next.onError(error as Error);
      return true;
    }
  }

  onData(chunk: Buffer): boolean {
    if (this.#exchange.isOver) return true;
    this.#exchange.record.noteData(chunk.length);
    return this.#next.onData(chunk);
  }

  onEnd(trailers: Fields): void {
    this.#hasEnded = true;
    if (!this.#exchange.isOver) this.#next.onEnd(endToEnd(trailers));
  }

  onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    this.#hasEnded = true;
    try {
      if (this.#exchange.isOver) throw new Error('the guest closed the connection');
      if (!this.#exchange.guest.isUpgrade) throw new Error('the server left HTTP unasked');
      this.#next.onUpgrade({ ...head, fields: endToEnd(head.fields) }, tunnel);
    } catch (error) {
      tunnel.stream.destroy();
      this.#next.onError(error as Error);
    }
  }

  onError(error: Error): void {
    this.#hasEnded = true;
    this.#next.onError(error);
  }

  /** A body in another coding would pass the scrubber, and reach the guest without the field that says so. */
  #assertChunked(fields: Fields): void {
    const codings = fieldValues(fields, 'transfer-encoding').join(',').trim().toLowerCase();
    if (codings === '' || codings === 'chunked') return;
    throw this.#invalid('used a transfer coding other than chunked');
  }

  #invalid(what: string): GondolinError {
    return new GondolinError('NET_UPSTREAM_INVALID', `${this.#exchange.context.name} ${what}`);
  }
}
