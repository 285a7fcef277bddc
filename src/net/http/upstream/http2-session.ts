import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import {
  H2_SERVER_SESSION_WINDOW_BYTES,
  H2_SERVER_STREAM_WINDOW_BYTES,
  MAX_HEADER_BYTES,
  MAX_HEADER_PAIRS,
  type WaitingTimes,
} from '../../limits.ts';
import { peerAddress } from '../../tcp/peer-address.ts';
import { toHttp2Headers } from '../fields.ts';
import type { ResponseHandler } from '../response-handler.ts';
import { relayResponse, sendBody } from './http2-relay.ts';
import { Http2Wire } from './http2-wire.ts';
import type { UpstreamCall } from './upstream-call.ts';

/** One HTTP/2 connection to an origin. */
export class Http2Session {
  readonly #session: ClientHttp2Session;
  readonly #scheme: string;
  readonly address: string | null;
  readonly #wire: Http2Wire;
  readonly #waits: WaitingTimes;
  readonly #fails = new Map<ClientHttp2Stream, (error: Error) => void>();
  #hasServerEnded = false;
  #openStreams = 0;
  #isKept = false;
  #isRetired = false;

  /**
   * @param url  Scheme and authority of the origin.
   * @param socket  Connected and judged; for https verified, with `h2` agreed.
   */
  constructor(socket: Socket, url: string, waits: WaitingTimes) {
    this.#waits = waits;
    this.#scheme = url.slice(0, url.indexOf(':'));
    this.address = peerAddress(socket);
    this.#wire = new Http2Wire(socket, {
      onBroken: (reason) => this.#fail(endOf(reason)),
      onEnded: () => this.#onServerEnd(),
    });
    this.#session = http2.connect(url, {
      createConnection: () => this.#wire,
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      settings: {
        enablePush: false,
        initialWindowSize: H2_SERVER_STREAM_WINDOW_BYTES,
        maxHeaderListSize: MAX_HEADER_BYTES,
      },
    });
    this.#session
      .on('error', (error) => this.#fail(error))
      .once('close', () => this.#fail(endOf(null)));
    this.#session.once('connect', () => {
      if (this.isUsable) this.#session.setLocalWindowSize(H2_SERVER_SESSION_WINDOW_BYTES);
    });
    this.#session.setTimeout(waits.upstreamSilenceMs);
    this.#session.on('timeout', () => this.#onSilence());
  }

  get isUsable(): boolean {
    const { closed, destroyed } = this.#session;
    return !this.#hasServerEnded && !this.#isRetired && !closed && !destroyed;
  }

  /** True once a stream has ended on it: the server may be closing the connection at this moment. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Takes no further request, and closes once the streams that are open have ended. */
  retire(): void {
    this.#isRetired = true;
    this.#session.close();
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

  /** An idle connection is closed; on one that is waited on, a server that sends nothing after a ping is lost. */
  #onSilence(): void {
    if (this.#openStreams === 0) {
      this.#session.close();
      return;
    }
    const before = this.#wire.receivedBytes;
    const timer = setTimeout(() => {
      if (this.#hasServerEnded || this.#wire.receivedBytes > before) return;
      const message = 'the server no longer responds to pings';
      this.#fail(new GondolinError('NET_UPSTREAM_TIMEOUT', message));
    }, this.#waits.upstreamSilenceMs);
    // Called when the session ends, too.
    this.#session.ping(() => clearTimeout(timer));
  }

  /** A whole response may still wait for a slow guest; one that is not whole by now never will be. */
  #onServerEnd(): void {
    this.#hasServerEnded = true;
    this.#session.setTimeout(0);
    for (const [stream, fail] of this.#fails) {
      if (stream.closed || stream.state.remoteClose === 1) continue;
      fail(endOf(null));
      stream.destroy();
    }
    if (this.#openStreams === 0) this.#session.destroy();
  }

  #fail(error: Error): void {
    const fails = [...this.#fails.values()];
    this.#fails.clear();
    for (const fail of fails) fail(error);
    this.#session.destroy();
  }

  send(call: UpstreamCall, handler: ResponseHandler): void {
    let stream: ClientHttp2Stream;
    try {
      const headers = {
        ':method': call.method,
        ':path': call.path,
        ':scheme': this.#scheme,
        ':authority': call.authority,
        ...toHttp2Headers(call.fields),
        ...(call.takesTrailers ? { te: 'trailers' } : {}),
        ...(call.expectsContinue ? { expect: '100-continue' } : {}),
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
      this.#isKept = true;
      if (this.#openStreams === 0 && this.#hasServerEnded) this.#session.destroy();
    });
    const expectation = { isOpen: call.expectsContinue, isRefused: false };
    const relay = relayResponse(stream, handler, {
      address: this.address,
      waits: this.#waits,
      expectation,
    });
    this.#fails.set(stream, relay.fail);
    stream.once('close', () => this.#fails.delete(stream));
    const { clock } = relay;
    // A guest that waits to be asked for its body sends nothing more for now.
    if (call.body === null || call.expectsContinue) clock.start();
    if (call.body === null) return;
    void sendBody(stream, call.body, call, relay, expectation).then(() => clock.start());
  }
}

/** Returns the reason why a connection has ended. @param reason  The error of our side's GOAWAY: the server broke the protocol. */
function endOf(reason: string | null): Error {
  if (reason === null) return new Error('the connection to the server was lost');
  const message = 'the server broke the rules of HTTP/2';
  return new GondolinError('NET_UPSTREAM_INVALID', message, { details: { code: reason } });
}
