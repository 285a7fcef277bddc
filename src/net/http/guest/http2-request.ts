import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Fields, fromHttp2Headers } from '../fields.ts';
import type { GuestRequest, GuestResponse } from '../guest-request.ts';
import { type Http2Arrival, Http2Response } from './http2-response.ts';

const { NGHTTP2_NO_ERROR } = constants;

/** One stream of the guest's HTTP/2 connection. nghttp2 has refused malformed fields already. */
export class Http2Request implements GuestRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly httpVersion = 'HTTP/2.0';
  readonly hasBody: boolean;
  readonly expectsContinue: boolean;
  readonly isUpgrade = false;
  readonly response: GuestResponse;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  /** Apart, so that the stream's listener does not keep the head. */
  readonly #end: { trailers: Fields };

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, arrival: Http2Arrival) {
    this.#stream = stream;
    this.#headers = headers;
    this.method = String(headers[':method'] ?? '');
    this.target = String(headers[':path'] ?? '');
    this.fields = fromHttp2Headers(headers);
    this.hasBody = !stream.endAfterHeaders;
    const isWaiting = headers['expect']?.toLowerCase() === '100-continue';
    this.expectsContinue = isWaiting && this.hasBody;
    this.response = new Http2Response(stream, isWaiting, arrival);
    const end: { trailers: Fields } = { trailers: [] };
    this.#end = end;
    const onTrailers = (trailers: IncomingHttpHeaders): void => {
      end.trailers = fromHttp2Headers(trailers);
    };
    stream.on('trailers', arrival.guard(onTrailers));
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
    return this.#end.trailers;
  }
}

/** Node ends the readable of a stream that the guest cancelled: that is no whole body. */
async function* wholeBody(stream: ServerHttp2Stream): AsyncGenerator<Buffer> {
  yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  if (stream.aborted || stream.rstCode !== NGHTTP2_NO_ERROR)
    throw new Error('the guest cancelled the request');
}
