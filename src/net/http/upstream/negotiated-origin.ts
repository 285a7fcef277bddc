import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { MAX_REPLAY_BYTES, MAX_UPSTREAM_H2_SESSIONS, type WaitingTimes } from '../../limits.ts';
import type { ResponseHandler } from '../response-handler.ts';
import { Http1Origin } from './http1-origin.ts';
import { StreamRefused } from './http2-relay.ts';
import { Http2Session } from './http2-session.ts';
import { ReplayBody } from './replay-body.ts';
import { ReplayableAttempt } from './replayable-attempt.ts';
import type { UpstreamCall } from './upstream-call.ts';

type Undici = typeof import('undici');

interface Waiting {
  readonly call: UpstreamCall;
  readonly handler: ResponseHandler;
}

/** Each gives a connected, judged and (for https) verified socket. */
interface NegotiatedDials {
  /** Offers HTTP/2 and HTTP/1.1. */
  any(): Promise<Socket>;
  /** Offers HTTP/1.1 only: what is spoken on the connection is settled then. */
  http1(): Promise<Socket>;
}

/**
 * One origin for guests that speak HTTP/2: HTTP/2 where the server agrees to it (over plain TCP it must: the guest had
 * prior knowledge), else HTTP/1.1. Calls wait for the first connection's verdict instead of dialling one each.
 */
export class NegotiatedOrigin {
  readonly #url: string;
  readonly #dials: NegotiatedDials;
  readonly #waits: WaitingTimes;
  readonly #http1: Http1Origin;
  readonly #sessions: Http2Session[] = [];
  #waiting: Waiting[] = [];
  /** A connection that turned out to speak HTTP/1.1, for the next call. */
  #spare: Socket | null = null;
  #isDialling = false;
  #isHttp1 = false;
  #isDestroyed = false;
  #isRetired = false;

  constructor(undici: Undici, url: string, dials: NegotiatedDials, waits: WaitingTimes) {
    this.#url = url;
    this.#dials = dials;
    this.#waits = waits;
    this.#http1 = new Http1Origin(undici, url, () => this.#takeSpare(), waits);
  }

  /** The server was asked for HTTP/2 and took HTTP/1.1. */
  get isHttp1(): boolean {
    return this.#isHttp1;
  }

  get activeCalls(): number {
    const streams = this.#sessions.reduce((sum, session) => sum + session.openStreams, 0);
    return streams + this.#waiting.length + this.#http1.activeCalls;
  }

  send(call: UpstreamCall, handler: ResponseHandler): void {
    if (this.#isHttp1) {
      this.#http1.send(call, handler);
      return;
    }
    const session = this.#pick();
    if (session !== null) {
      if (session.isKept) this.#sendOnKept(session, call, handler);
      else session.send(call, handler);
      return;
    }
    this.#waiting.push({ call, handler });
    if (!this.#isDialling) void this.#dial();
  }

  /** A server may end a kept connection at the moment it is used again; it then refuses the stream, whatever the method. */
  #sendOnKept(session: Http2Session, call: UpstreamCall, handler: ResponseHandler): void {
    const body = call.body === null ? null : new ReplayBody(call.body, MAX_REPLAY_BYTES);
    const replayable = { ...call, body };
    const again = (): void => {
      session.retire();
      this.send(replayable, new ReplayableAttempt(handler, body));
    };
    const isSafe = (error: Error): boolean =>
      error instanceof StreamRefused && this.#sessions.length < MAX_UPSTREAM_H2_SESSIONS;
    session.send(replayable, new ReplayableAttempt(handler, body, { again, isSafe }));
  }

  retire(): void {
    this.#isRetired = true;
    for (const session of [...this.#sessions]) session.retire();
    this.#spare?.destroy();
    this.#http1.retire();
  }

  async destroy(): Promise<void> {
    this.#isDestroyed = true;
    for (const session of [...this.#sessions]) session.destroy();
    this.#spare?.destroy();
    await this.#http1.destroy();
  }

  /** A session with room; beyond the limit of sessions the least busy one, which queues. */
  #pick(): Http2Session | null {
    const usable = this.#sessions.filter((session) => session.isUsable);
    const roomy = usable.find((session) => session.hasRoom);
    if (roomy !== undefined || usable.length < MAX_UPSTREAM_H2_SESSIONS) return roomy ?? null;
    return usable.reduce((best, next) => (next.openStreams < best.openStreams ? next : best));
  }

  async #dial(): Promise<void> {
    this.#isDialling = true;
    try {
      this.#adopt(await this.#dials.any());
    } catch (error) {
      for (const { handler } of this.#waiting.splice(0)) handler.onError(error as Error);
    }
    this.#isDialling = false;
    for (const { call, handler } of this.#waiting.splice(0)) this.send(call, handler);
    if (this.#isRetired) this.retire();
  }

  #adopt(socket: Socket): void {
    if (this.#isDestroyed) {
      socket.destroy();
    } else if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2') {
      this.#isHttp1 = true;
      this.#spare = socket;
    } else {
      const session = new Http2Session(socket, this.#url, this.#waits);
      this.#sessions.push(session);
      session.onClose(() => this.#sessions.splice(this.#sessions.indexOf(session), 1));
    }
  }

  async #takeSpare(): Promise<Socket> {
    const spare = this.#spare;
    this.#spare = null;
    return spare !== null && !spare.destroyed ? spare : this.#dials.http1();
  }
}
