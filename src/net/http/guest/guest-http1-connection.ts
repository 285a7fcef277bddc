import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WaitingTimes } from '../../limits.ts';
import { createGuard, type Guard, guardEvents } from '../guard.ts';
import type { RequestContext } from '../request-context.ts';

/** A request whose response is on its way. */
export interface OpenResponse {
  readonly request: IncomingMessage;
  /** null: a handshake, whose response is written to the connection itself. */
  readonly response: ServerResponse | null;
  /** Called when the response can no longer be sent. */
  onGone: (() => void) | null;
  /** Called when nothing of the request and its response is held for the guest any more. */
  onReleased: (() => void) | null;
}

/**
 * Owns one HTTP/1 connection of the guest: the responses on their way, its silence, its end, and the
 * errors of its callbacks.
 */
export class GuestHttp1Connection {
  /** The guest's stream below TLS: destroying it is a reset for the guest. */
  readonly raw: Duplex;
  readonly context: RequestContext;
  /** A throw of what it wraps is a fault and a reset of this connection. */
  readonly guard: Guard;
  readonly #stream: Duplex;
  readonly #waits: WaitingTimes;
  readonly #open = new Set<OpenResponse>();
  #idleTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  /** Writes so far and bytes that wait for the guest, when the clock looked last. */
  #seen = { writes: 0, waitingBytes: 0 };
  #writes = 0;
  #hasMoved = false;
  #hasLast = false;
  #refusal: string | null = null;
  #onceQuiet: (() => void) | null = null;

  /** @param stream  The TLS socket, or `raw` itself. */
  constructor(
    stream: Duplex,
    raw: Duplex,
    context: RequestContext,
    how: { readonly waits: WaitingTimes; fault(error: Error): void },
  ) {
    this.#stream = stream;
    this.raw = raw;
    this.context = context;
    this.#waits = how.waits;
    const onThrow = (error: Error): void => {
      raw.destroy();
      how.fault(error);
    };
    this.guard = createGuard(onThrow);
    guardEvents(stream, onThrow);
    if (raw !== stream) guardEvents(raw, onThrow);
    stream.once('end', () => this.#onHalfClosed());
    // Node ends only the response whose turn it is; later ones of a pipeline would wait for ever.
    stream.once('finish', () => this.#abandon());
    raw.once('close', () => {
      this.#stopTimers();
      this.#abandon();
    });
  }

  /** True when every response so far has been written, if not all of it sent. */
  get mayLeave(): boolean {
    return !this.#isDeaf() && [...this.#open].every(({ response }) => response?.writableEnded);
  }

  /**
   * Begins the response to a request that has come; it ends with the 'close' of `response`.
   *
   * @param isLast  No request may come after this one.
   * @returns null when our half has ended: no response can be sent, so the request must go nowhere.
   */
  begin(request: IncomingMessage, response: ServerResponse, isLast: boolean): OpenResponse | null {
    // Node reports a write after the guest's end this way, with or without a listener of an exchange.
    response.on('error', () => undefined);
    if (this.#isDeaf()) {
      this.#discard();
      return null;
    }
    this.#hasLast = isLast;
    if (isLast) response.shouldKeepAlive = false;
    const open: OpenResponse = { request, response, onGone: null, onReleased: null };
    this.#add(open);
    response.once('close', () => this.end(open));
    return open;
  }

  /** A handshake has come, and Node has released the connection. `start` runs once earlier responses are sent. */
  beginLast(request: IncomingMessage, start: (open: OpenResponse) => void): void {
    this.#hasLast = true;
    const run = this.guard(() => {
      const open: OpenResponse = { request, response: null, onGone: null, onReleased: null };
      this.#add(open);
      start(open);
    });
    if (this.#open.size === 0) run();
    else this.#onceQuiet = run;
  }

  /** The response has been sent, or never will be. */
  end(open: OpenResponse): void {
    this.#open.delete(open);
    if (this.#open.size === 0) this.#onQuiet();
  }

  /** Notes that bytes of a response were written. */
  moved(): void {
    this.#writes += 1;
    this.#hasMoved = true;
  }

  /**
   * Sends a status for bytes that cannot be a request, and ends the connection, after the responses that whole requests
   * still wait for. Where the response to an incomplete request has begun the connection is reset: text would be taken for its body.
   *
   * @param status  Status line without the version, `408 Request Timeout`.
   */
  refuse(status: string): void {
    if (this.#refusal !== null) return;
    this.#refusal = status;
    const open = [...this.#open];
    if (open.every(({ request }) => request.complete)) {
      if (open.length === 0) this.#sendRefusal(status);
    } else if (open.length > 1 || open[0]?.response?.headersSent === true) {
      this.raw.destroy();
    } else {
      open[0]?.onGone?.();
      this.#sendRefusal(status);
    }
  }

  /** Refuses a late head. While responses are on their way it may wait in a reader that is held back. */
  refuseLateHead(): void {
    if (this.#open.size === 0) this.refuse('408 Request Timeout');
  }

  /** Ends the HTTP of this connection: it continues as another protocol. */
  leave(): void {
    this.#stopTimers();
    this.#open.clear();
  }

  /** True when a request that comes now would get no response. */
  #isDeaf(): boolean {
    return this.#hasLast || this.#refusal !== null || !this.#stream.writable;
  }

  #add(open: OpenResponse): void {
    clearTimeout(this.#idleTimer);
    this.#open.add(open);
    this.#stallTimer ??= setInterval(() => this.#checkStall(), this.#waits.guestStallMs);
  }

  #sendRefusal(status: string): void {
    if (!this.#stream.writable) return;
    this.#stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    this.#discard();
  }

  /** Reads and discards all further bytes, past Node's parser, so that the guest's end is seen. */
  #discard(): void {
    const parsers = this.#stream.listeners('data') as ((chunk: Buffer) => void)[];
    for (const parser of parsers) this.#stream.off('data', parser);
    this.#stream.on('data', () => undefined).resume();
  }

  #abandon(): void {
    const open = [...this.#open];
    this.#open.clear();
    this.#onceQuiet = null;
    for (const { onGone, onReleased } of open) {
      onGone?.();
      onReleased?.();
    }
  }

  /** Called when all responses have been sent. */
  #onQuiet(): void {
    clearInterval(this.#silenceTimer);
    clearInterval(this.#stallTimer);
    this.#stallTimer = undefined;
    const next = this.#onceQuiet;
    this.#onceQuiet = null;
    if (next !== null) next();
    else if (this.#refusal !== null) this.#sendRefusal(this.#refusal);
    else if (!this.raw.destroyed) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = setTimeout(() => this.#stream.end(), this.#waits.guestIdleMs);
    }
  }

  #onHalfClosed(): void {
    if (this.#open.size === 0) return;
    this.#hasMoved = false;
    this.#silenceTimer = setInterval(() => {
      if (!this.#hasMoved) this.raw.destroy();
      this.#hasMoved = false;
    }, this.#waits.guestHalfClosedMs);
  }

  /** Resets a guest that has taken nothing of what waits for it since the last check. */
  #checkStall(): void {
    const seen = { writes: this.#writes, waitingBytes: this.#stream.writableLength };
    const isSame =
      seen.writes === this.#seen.writes && seen.waitingBytes === this.#seen.waitingBytes;
    this.#seen = seen;
    if (isSame && seen.waitingBytes > 0) this.raw.destroy();
  }

  #stopTimers(): void {
    clearInterval(this.#stallTimer);
    clearTimeout(this.#idleTimer);
    clearInterval(this.#silenceTimer);
  }
}
