import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { MAX_HEADER_BYTES } from '../../limits.ts';
import { peerAddress } from '../../tcp/peer-address.ts';
import { type Fields, fieldPairs, fieldValue } from '../fields.ts';
import type { ResponseHandler } from '../response-handler.ts';
import type { UpstreamCall } from './upstream-call.ts';

/** True for a request that undici cannot write: with trailers, or with a head that waits for `100 Continue`. */
export function needsDedicatedCall(call: UpstreamCall): boolean {
  if (call.body === null || call.upgrade !== null) return false;
  return call.expectsContinue || announcesTrailers(call);
}

function announcesTrailers({ fields }: UpstreamCall): boolean {
  return fieldValue(fields, 'trailer') !== null && fieldValue(fields, 'content-length') === null;
}

/** One HTTP/1.1 request with a body by Node's client, on a connection of its own that ends with the response. */
export class Http1DedicatedCall {
  readonly #call: UpstreamCall;
  readonly #handler: ResponseHandler;
  readonly #responseStartMs: number;
  #request: ClientRequest | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** The server has not said yet that it wants the body. */
  #isAsked: boolean;
  #isRefused = false;
  #hasBegun = false;
  #hasSettled = false;

  constructor(call: UpstreamCall, handler: ResponseHandler, responseStartMs: number) {
    this.#call = call;
    this.#handler = handler;
    this.#responseStartMs = responseStartMs;
    this.#isAsked = call.expectsContinue;
  }

  /**
   * Sends it. Resolves once the handler has been called for the last time. Never rejects.
   *
   * @param open  Gives a connected, judged and (for https) verified socket.
   */
  async run(open: () => Promise<Socket>): Promise<void> {
    let socket: Socket | null = null;
    try {
      socket = await open();
      const request = this.#start(socket);
      const closed = new Promise((resolve) => request.once('close', resolve));
      if (this.#isAsked) this.#startClock();
      await this.#sendBody(request);
      await closed;
    } catch (error) {
      // Node takes the socket with the request; one that it does not write has none.
      socket?.destroy();
      this.fail(error as Error);
    }
  }

  /** Breaks the request off. */
  fail(error: Error): void {
    if (this.#settle()) this.#handler.onError(error);
    this.#request?.destroy();
  }

  #start(socket: Socket): ClientRequest {
    const { method, path, authority, fields, expectsContinue } = this.#call;
    const isChunked = fieldValue(fields, 'content-length') === null;
    const request = http.request({
      createConnection: () => socket,
      setHost: false,
      insecureHTTPParser: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      method,
      path,
      headers: [
        'host',
        authority,
        ...fields,
        ...(isChunked ? ['transfer-encoding', 'chunked'] : []),
        ...(expectsContinue ? ['expect', '100-continue'] : []),
      ],
    });
    asBytes(request);
    this.#request = request;
    // The size is bounded in bytes; a silent cut of the list would hide fields.
    request.maxHeadersCount = 0;
    request
      .on('continue', () => this.#inform(100, []))
      .on('information', ({ statusCode, rawHeaders }) => {
        // Node reports 100 twice.
        if (statusCode !== 100) this.#inform(statusCode, rawHeaders);
      })
      .on('response', (response) => this.#relay(response))
      .on('error', (error) => this.fail(error))
      .on('close', () => this.fail(new Error('the server closed the connection')));
    this.#handler.onStart({
      abort: () => {
        this.#settle();
        request.destroy();
      },
      address: peerAddress(socket),
    });
    return request;
  }

  async #sendBody(request: ClientRequest): Promise<void> {
    // A guest that waits sends nothing before it is asked to; one that has waited enough sends all the same.
    for await (const chunk of this.#call.body ?? []) {
      // A server that responds early has enough.
      if (this.#hasSettled || this.#isRefused) return;
      this.#stopWaiting();
      if (!request.write(chunk)) await drained(request);
    }
    if (this.#hasSettled || this.#isRefused) return;
    request.addTrailers(fieldPairs(this.#call.trailers()));
    request.end();
    this.#startClock();
  }

  /** Starts the time for a response: the server has all that the guest sends for now. */
  #startClock(): void {
    clearTimeout(this.#timer);
    if (this.#hasSettled || this.#hasBegun) return;
    this.#timer = setTimeout(() => {
      this.fail(new GondolinError('NET_UPSTREAM_TIMEOUT', 'the server did not respond in time'));
    }, this.#responseStartMs);
  }

  /** The body comes, or is about to. */
  #stopWaiting(): void {
    if (this.#isAsked) clearTimeout(this.#timer);
    this.#isAsked = false;
  }

  #inform(status: number, fields: Fields): void {
    if (status === 100) this.#stopWaiting();
    if (!this.#hasSettled) this.#handler.onInformation(status, fields);
  }

  #relay(response: IncomingMessage): void {
    this.#hasBegun = true;
    clearTimeout(this.#timer);
    // Refused at the head: not a byte of the body is wanted.
    this.#isRefused = this.#isAsked && (response.statusCode ?? 0) >= 300;
    if (this.#hasSettled) {
      response.destroy();
      return;
    }
    const handler = this.#handler;
    const { statusCode = 0, statusMessage: statusText = '', rawHeaders: fields } = response;
    response
      .on('error', (error) => this.fail(error))
      .on('data', (chunk: Buffer) => {
        if (!this.#hasSettled && !handler.onData(chunk)) response.pause();
      })
      .on('end', () => {
        if (response.complete && this.#settle()) handler.onEnd(response.rawTrailers);
        this.#request?.destroy();
      });
    const head = { status: statusCode, statusText, fields };
    if (!handler.onHead(head, () => response.resume())) response.pause();
  }

  /** @returns False when the handler has been called for the last time already. */
  #settle(): boolean {
    clearTimeout(this.#timer);
    const isFirst = !this.#hasSettled;
    this.#hasSettled = true;
    return isFirst;
  }
}

/** Node sends the head of a request with an expectation alone, and would encode it as UTF-8. */
function asBytes(request: ClientRequest): void {
  const waiting = request as ClientRequest & { outputData?: { encoding: string | null }[] };
  for (const part of waiting.outputData ?? []) part.encoding = 'latin1';
}

/** Resolves once there is room again or the request has ended. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done).off('close', done);
      resolve();
    };
    request.on('drain', done).on('close', done);
  });
}
