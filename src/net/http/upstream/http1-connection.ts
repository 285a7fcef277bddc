import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, Dispatcher } from 'undici';
import { MAX_HEADER_BYTES, UPSTREAM_HTTP1_IDLE_MS } from '../../limits.ts';
import { peerAddress } from '../../tcp/peer-address.ts';
import type { Fields } from '../fields.ts';
import type { ResponseHandler } from '../response-handler.ts';
import type { UpstreamCall } from './upstream-call.ts';

type Undici = typeof import('undici');

/** The parts of a connection to make. */
export interface Http1Dial {
  readonly undici: Undici;
  readonly origin: string;
  /** Gives a connected, judged and (for https) verified socket. */
  readonly open: () => Promise<Socket>;
  readonly responseStartMs: number;
}

/** One HTTP/1.1 connection to an origin, with one request at a time. It is dialled with its first one. */
export class Http1Connection {
  readonly #client: Client;
  #address: string | null = null;
  #isKept = false;

  /** @param onLost  The server or the idle time has ended the connection. */
  constructor(dial: Http1Dial, onLost: () => void) {
    this.#client = new dial.undici.Client(dial.origin, {
      connect: (_options, done) => {
        dial.open().then(
          (socket) => {
            this.#address = peerAddress(socket);
            done(null, marked(socket));
          },
          (error: Error) => done(error, null),
        );
      },
      pipelining: 1,
      keepAliveTimeout: UPSTREAM_HTTP1_IDLE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: dial.responseStartMs,
      // A stream of events may be silent for hours; TCP keep-alive finds the dead ones.
      bodyTimeout: 0,
      strictContentLength: true,
    });
    this.#client.on('disconnect', () => {
      this.#isKept = false;
      onLost();
    });
  }

  /** True when its socket has carried a request before: the server may be closing it at this moment. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** @param handler  Never throws. */
  dispatch(call: UpstreamCall, handler: ResponseHandler): void {
    const relay = new Http1Relay(handler, {
      address: () => this.#address,
      done: () => {
        this.#isKept = true;
      },
    });
    try {
      this.#client.dispatch(
        {
          method: call.method as Dispatcher.HttpMethod,
          path: call.path,
          headers: ['host', call.authority, ...call.fields],
          body: call.body as never,
          upgrade: call.upgrade,
        },
        relay,
      );
    } catch (error) {
      relay.onError(error as Error);
    }
  }

  destroy(error?: Error): Promise<void> {
    return this.#client.destroy(error ?? null);
  }
}

/** undici takes an ECONNRESET after a body without a length for its end: by another name it stays an error. */
function marked(socket: Socket): Socket {
  return socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET';
  });
}

/**
 * undici's handler interface below its public wrappers: header bytes as they came, no copies. How to leave it:
 * docs/decisions/0011-http-data-path.md.
 */
class Http1Relay implements Dispatcher.DispatchHandler {
  readonly #handler: ResponseHandler;
  readonly #connection: { address(): string | null; done(): void };

  constructor(handler: ResponseHandler, connection: { address(): string | null; done(): void }) {
    this.#handler = handler;
    this.#connection = connection;
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#handler.onStart({ abort, address: this.#connection.address() });
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    const fields = textOf(headers);
    // Never while undici parses this response or another: it loses the call, or asserts (Node emits 'drain' in mid-write).
    const later = (): void => process.nextTick(resume);
    if (status >= 200) return this.#handler.onHead({ status, statusText, fields }, later);
    this.#handler.onInformation(status, fields);
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#handler.onData(chunk);
  }

  onComplete(trailers: readonly (string | Buffer)[] | null): void {
    this.#connection.done();
    this.#handler.onEnd(trailers === null ? [] : textOf(trailers));
  }

  onUpgrade(status: number, headers: readonly (string | Buffer)[] | null, socket: Duplex): void {
    const fields = headers === null ? [] : textOf(headers);
    this.#handler.onUpgrade(
      { status, statusText: 'Switching Protocols', fields },
      { stream: socket },
    );
  }

  onError(error: Error): void {
    this.#handler.onError(error);
  }
}

function textOf(raw: readonly (string | Buffer)[]): Fields {
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
