import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { MAX_HEADER_BYTES, UPSTREAM_HTTP1_IDLE_MS, type WaitingTimes } from '../limits.ts';
import { systemCode } from '../tcp/system-code.ts';
import type { Fields } from './fields.ts';
import { announcesTrailers, TrailerRequest } from './trailer-request.ts';
import type { UpstreamCall, UpstreamHandler } from './upstream-call.ts';

type Undici = typeof import('undici');

/** HTTP/1.1 to one origin: as many kept connections as there are requests at once, each with one request at a time. */
export class Http1Origin {
  readonly #pool: Pool;
  readonly #open: () => Promise<Socket>;
  readonly #responseStartMs: number;
  /** Beside the pool, which cannot carry them. */
  readonly #withTrailers = new Set<TrailerRequest>();

  /** @param open  Gives a connected, judged and (for https) verified socket. */
  constructor(
    undici: Undici,
    origin: string,
    open: () => Promise<Socket>,
    { responseStartMs }: Pick<WaitingTimes, 'responseStartMs'>,
  ) {
    this.#open = open;
    this.#responseStartMs = responseStartMs;
    this.#pool = new undici.Pool(origin, {
      connect: (_options, done) => {
        open().then(
          (socket) => done(null, marked(socket)),
          (error: Error) => done(error, null),
        );
      },
      pipelining: 1,
      keepAliveTimeout: UPSTREAM_HTTP1_IDLE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: responseStartMs,
      // A stream of events may be silent for hours; TCP keep-alive finds the dead ones.
      bodyTimeout: 0,
      strictContentLength: true,
    });
  }

  send(call: UpstreamCall, handler: UpstreamHandler): void {
    if (announcesTrailers(call)) {
      const request = new TrailerRequest(call, handler, this.#responseStartMs);
      this.#withTrailers.add(request);
      void request.run(this.#open).then(() => this.#withTrailers.delete(request));
      return;
    }
    this.#dispatch(
      call,
      new Http1Call(handler, isRepeatable(call) ? () => this.#again(call, handler) : null),
    );
  }

  get activeCalls(): number {
    const { running, pending, queued } = this.#pool.stats;
    return running + pending + queued + this.#withTrailers.size;
  }

  destroy(): Promise<void> {
    const closed = new GondolinError('NET_CLOSED', 'the network of this VM was closed');
    for (const request of this.#withTrailers) request.fail(closed);
    return this.#pool.destroy();
  }

  #again(call: UpstreamCall, handler: UpstreamHandler): void {
    this.#dispatch(call, new Http1Call(handler, null));
  }

  #dispatch(call: UpstreamCall, handler: Http1Call): void {
    try {
      this.#pool.dispatch(
        {
          method: call.method as Dispatcher.HttpMethod,
          path: call.path,
          headers: ['host', call.authority, ...call.fields],
          body: call.body as never,
          upgrade: call.upgrade,
        },
        handler,
      );
    } catch (error) {
      handler.onError(error as Error);
    }
  }
}

/** A kept connection may be closed by the server at the moment it is used again; asking twice for these is harmless. */
function isRepeatable(call: UpstreamCall): boolean {
  const isSafe = call.method === 'GET' || call.method === 'HEAD' || call.method === 'OPTIONS';
  return isSafe && call.body === null && call.upgrade === null;
}

/** undici takes an ECONNRESET after a body without a length for its end: by another name it stays an error. */
function marked(socket: Socket): Socket {
  return socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET';
  });
}

/** undici's own handler interface (the one below its public wrappers): header bytes as they came, no copies. */
class Http1Call implements Dispatcher.DispatchHandler {
  readonly #handler: UpstreamHandler;
  #retry: (() => void) | null;

  constructor(handler: UpstreamHandler, retry: (() => void) | null) {
    this.#handler = handler;
    this.#retry = retry;
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#handler.onStart({ abort, address: null });
  }

  onResponseStarted(): void {
    this.#retry = null;
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    const fields = textOf(headers);
    // Never while undici parses, this answer or another: it loses the call, or asserts (Node tells of room in mid-write).
    const later = (): void => process.nextTick(resume);
    if (status >= 200) return this.#handler.onHead({ status, statusText, fields }, later);
    this.#handler.onInformation(status, fields);
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#handler.onData(chunk);
  }

  onComplete(trailers: readonly (string | Buffer)[] | null): void {
    this.#handler.onEnd(trailers === null ? [] : textOf(trailers));
  }

  onUpgrade(status: number, headers: readonly (string | Buffer)[] | null, socket: Duplex): void {
    const fields = headers === null ? [] : textOf(headers);
    this.#handler.onUpgrade({ status, statusText: 'Switching Protocols', fields }, socket);
  }

  onError(error: Error): void {
    const retry = this.#retry;
    this.#retry = null;
    if (retry !== null && wasStale(error)) retry();
    else this.#handler.onError(error);
  }
}

function wasStale(error: Error): boolean {
  const code = systemCode(error);
  return code === 'UND_ERR_SOCKET' || code === 'UPSTREAM_RESET' || code === 'EPIPE';
}

function textOf(raw: readonly (string | Buffer)[]): Fields {
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
