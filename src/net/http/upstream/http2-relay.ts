import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { WaitingTimes } from '../../limits.ts';
import { fromHttp2Headers, toHttp2Headers } from '../fields.ts';
import type { ResponseHandler } from '../response-handler.ts';
import type { UpstreamCall } from './upstream-call.ts';

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = constants;

/**
 * The server has not acted on the request (RFC 9113 §8.7): it refused the stream, or its GOAWAY names an earlier one as the
 * last; nghttp2 reports both alike.
 */
export class StreamRefused extends Error {
  readonly code = 'ERR_HTTP2_STREAM_ERROR';
}

/** The state of a request whose body waits for `100 Continue`. */
export interface Expectation {
  /** The server has not said yet, and the guest has sent nothing of the body. */
  isOpen: boolean;
  /** The server responded to the head: not a byte of the body is wanted. */
  isRefused: boolean;
}

/** Time limit for the server's response. */
export interface ResponseClock {
  start(): void;
  stop(): void;
}

/**
 * Passes what the stream brings to the handler; exactly one of `onEnd` and `onError` is last.
 *
 * @returns `clock`: runs while the server has all that the guest sends for now, and has not responded.
 */
export function relayResponse(
  stream: ClientHttp2Stream,
  handler: ResponseHandler,
  how: {
    readonly address: string | null;
    readonly waits: WaitingTimes;
    readonly expectation: Expectation;
  },
): { fail(error: Error): void; clock: ResponseClock } {
  const { address, waits, expectation } = how;
  let hasSettled = false;
  let hasBegun = false;
  let timer: NodeJS.Timeout | undefined;
  let trailers: IncomingHttpHeaders = {};
  const fail = (error: Error): void => {
    clearTimeout(timer);
    if (hasSettled) return;
    hasSettled = true;
    handler.onError(error);
  };
  const start = (): void => {
    if (hasSettled || hasBegun) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      fail(new GondolinError('NET_UPSTREAM_TIMEOUT', 'the server did not respond in time'));
      stream.close(NGHTTP2_CANCEL);
    }, waits.responseStartMs);
  };
  stream.on('continue', () => {
    expectation.isOpen = false;
    clearTimeout(timer);
    handler.onInformation(100, []);
  });
  stream.on('headers', (headers) => {
    const status = Number(headers[':status']);
    if (status !== 100) handler.onInformation(status, fromHttp2Headers(headers));
  });
  stream.on('response', (headers) => {
    hasBegun = true;
    expectation.isRefused = expectation.isOpen && Number(headers[':status']) >= 300;
    clearTimeout(timer);
    const head = {
      status: Number(headers[':status']),
      statusText: '',
      fields: fromHttp2Headers(headers),
    };
    const isWanted = handler.onHead(head, () => stream.resume());
    stream.on('data', (chunk: Buffer) => {
      if (!handler.onData(chunk)) stream.pause();
    });
    if (!isWanted) stream.pause();
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('end', () => {
    // Node ends the readable of a stream that was reset with CANCEL or lost its session, too.
    if (hasSettled || stream.aborted || stream.rstCode !== NGHTTP2_NO_ERROR) return;
    hasSettled = true;
    handler.onEnd(fromHttp2Headers(trailers));
    if (expectation.isRefused) stream.close(NGHTTP2_CANCEL);
  });
  const failed = (error: Error): void => {
    const isRefused = stream.rstCode === NGHTTP2_REFUSED_STREAM;
    fail(isRefused ? new StreamRefused('the server refused the stream') : error);
  };
  stream.on('error', failed);
  stream.on('close', () =>
    failed(new Error(`the server closed the stream with code ${stream.rstCode}`)),
  );
  handler.onStart({
    abort: () => {
      clearTimeout(timer);
      hasSettled = true;
      stream.close(NGHTTP2_CANCEL);
    },
    address,
  });
  return { fail, clock: { start, stop: () => clearTimeout(timer) } };
}

/** A body that breaks off cancels the stream; a server that has enough of it (an early response) ends the sending. */
export async function sendBody(
  stream: ClientHttp2Stream,
  body: AsyncIterable<Buffer>,
  call: UpstreamCall,
  { fail, clock }: { fail(error: Error): void; readonly clock: ResponseClock },
  expectation: Expectation,
): Promise<void> {
  stream.once('wantTrailers', () => {
    // `close()` ends the body on its way to the reset: it must not look whole.
    if (stream.closed) return;
    try {
      stream.sendTrailers(toHttp2Headers(call.trailers()));
    } catch (error) {
      fail(error as Error);
      stream.close(NGHTTP2_CANCEL);
    }
  });
  try {
    for await (const chunk of body) {
      if (stream.destroyed || stream.closed || expectation.isRefused) return;
      if (expectation.isOpen) clock.stop();
      expectation.isOpen = false;
      if (!stream.write(chunk)) await drained(stream);
    }
    if (!expectation.isRefused) stream.end();
  } catch (error) {
    fail(error as Error);
    stream.close(NGHTTP2_CANCEL);
  }
}

/** Resolves once there is room again or the stream has ended. */
function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
