import type { IncomingMessage } from 'node:http';
import { announcesBody, type Fields, fieldValues } from '../fields.ts';
import type { GuestRequest, GuestResponse } from '../guest-request.ts';

/** An HTTP/1 request as Node's parser gave it: strict, so that no body length is in doubt. */
export class Http1Request implements GuestRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly httpVersion: string;
  readonly hasBody: boolean;
  readonly expectsContinue: boolean;
  readonly isUpgrade: boolean;
  readonly response: GuestResponse;
  readonly #request: IncomingMessage;

  constructor(
    request: IncomingMessage,
    response: GuestResponse,
    asks: { readonly expectsContinue?: boolean; readonly isUpgrade?: boolean } = {},
  ) {
    this.#request = request;
    this.method = request.method ?? '';
    this.target = request.url ?? '';
    this.fields = request.rawHeaders;
    this.httpVersion = request.httpVersionMinor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    this.hasBody = announcesBody(request.rawHeaders);
    this.expectsContinue = asks.expectsContinue === true && this.hasBody;
    this.isUpgrade = asks.isUpgrade === true;
    this.response = response;
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
