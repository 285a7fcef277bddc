import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import {
  H2_SERVER_SESSION_WINDOW_BYTES,
  H2_SERVER_STREAM_WINDOW_BYTES,
  MAX_HEADER_BYTES,
  MAX_HEADER_PAIRS,
  UPSTREAM_HTTP2_IDLE_MS,
} from '../limits.ts';
import { flatFields, recordOf } from './fields.ts';
import type { UpstreamCall, UpstreamHandler } from './upstream-call.ts';

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL } = http2.constants;

/** One HTTP/2 connection to an origin. */
export class Http2Upstream {
  readonly #session: ClientHttp2Session;
  readonly #scheme: string;
  readonly address: string | null;
  readonly #fails = new Set<(error: Error) => void>();
  #openStreams = 0;
  #isPinging = false;

  /**
   * @param url  Scheme and authority of the origin.
   * @param socket  Connected and judged; for https verified, with `h2` agreed.
   */
  constructor(socket: Socket, url: string) {
    this.#scheme = url.slice(0, url.indexOf(':'));
    this.address = socket.remoteAddress ?? null;
    this.#session = http2.connect(url, {
      createConnection: () => socket,
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      settings: {
        enablePush: false,
        initialWindowSize: H2_SERVER_STREAM_WINDOW_BYTES,
        maxHeaderListSize: MAX_HEADER_BYTES,
      },
    });
    const lost = (): void => this.#fail(new Error('the connection to the server was lost'));
    this.#session.on('error', lost).once('close', lost);
    // Node's session misses the end of a socket that breaks while it sends a GOAWAY.
    socket.once('close', lost);
    this.#session.once('connect', () => {
      if (this.isUsable) this.#session.setLocalWindowSize(H2_SERVER_SESSION_WINDOW_BYTES);
    });
    this.#session.setTimeout(UPSTREAM_HTTP2_IDLE_MS, () => this.#onSilence());
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** True while the server takes one more stream at once. */
  get hasRoom(): boolean {
    return this.#openStreams < (this.#session.remoteSettings?.maxConcurrentStreams ?? 100);
  }

  get openStreams(): number {
    return this.#openStreams;
  }

  onClose(listener: () => void): void {
    this.#session.once('close', listener);
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** An idle connection is closed; on one that is waited on, a server that answers no ping in time is lost. */
  #onSilence(): void {
    if (this.#openStreams === 0) this.#session.close();
    else if (this.#isPinging) this.#fail(new Error('the server answers nothing any more'));
    else {
      this.#isPinging = this.#session.ping(() => {
        this.#isPinging = false;
      });
    }
  }

  #fail(error: Error): void {
    const fails = [...this.#fails];
    this.#fails.clear();
    for (const fail of fails) fail(error);
    this.#session.destroy();
  }

  send(call: UpstreamCall, handler: UpstreamHandler): void {
    let stream: ClientHttp2Stream;
    try {
      const headers = {
        ':method': call.method,
        ':path': call.path,
        ':scheme': this.#scheme,
        ':authority': call.authority,
        ...recordOf(call.fields),
        ...(call.takesTrailers ? { te: 'trailers' } : {}),
      };
      const hasBody = call.body !== null;
      stream = this.#session.request(headers, { endStream: !hasBody, waitForTrailers: hasBody });
    } catch (error) {
      handler.onError(error as Error);
      return;
    }
    this.#openStreams += 1;
    stream.once('close', () => {
      this.#openStreams -= 1;
    });
    const fail = relayAnswer(stream, handler, this.address);
    this.#fails.add(fail);
    stream.once('close', () => this.#fails.delete(fail));
    if (call.body !== null) void sendBody(stream, call.body, call, fail);
  }
}

/** Tells the handler what the stream brings; exactly one of `onEnd` and `onError` is last. */
function relayAnswer(
  stream: ClientHttp2Stream,
  handler: UpstreamHandler,
  address: string | null,
): (error: Error) => void {
  let hasSettled = false;
  let trailers: IncomingHttpHeaders = {};
  const fail = (error: Error): void => {
    if (hasSettled) return;
    hasSettled = true;
    handler.onError(error);
  };
  stream.on('headers', (headers) => {
    handler.onInformation(Number(headers[':status']), flatFields(headers));
  });
  stream.on('response', (headers) => {
    const head = {
      status: Number(headers[':status']),
      statusText: '',
      fields: flatFields(headers),
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
    handler.onEnd(flatFields(trailers));
  });
  stream.on('error', fail);
  stream.on('close', () =>
    fail(new Error(`the server closed the stream with code ${stream.rstCode}`)),
  );
  handler.onStart({
    abort: () => {
      hasSettled = true;
      stream.close(NGHTTP2_CANCEL);
    },
    address,
  });
  return fail;
}

/** A body that breaks off cancels the stream; a server that has enough of it (early answer) ends the sending. */
async function sendBody(
  stream: ClientHttp2Stream,
  body: AsyncIterable<Buffer>,
  call: UpstreamCall,
  fail: (error: Error) => void,
): Promise<void> {
  stream.once('wantTrailers', () => {
    // `close()` ends the body on its way to the reset: it must not look whole.
    if (stream.closed) return;
    try {
      stream.sendTrailers(recordOf(call.trailers()));
    } catch (error) {
      fail(error as Error);
      stream.close(NGHTTP2_CANCEL);
    }
  });
  try {
    for await (const chunk of body) {
      if (stream.destroyed || stream.closed) return;
      if (!stream.write(chunk)) await drained(stream);
    }
    stream.end();
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
