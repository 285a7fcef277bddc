import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WaitingTimes } from '../limits.ts';
import type { Site } from './site.ts';

/** A request whose answer is on its way, and how it is told that nobody waits for it. */
interface OpenAnswer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  onGone: (() => void) | null;
}

/** One HTTP/1 connection of the guest: which answers are on their way, and how it comes to its end. */
export class Http1Line {
  /** The guest's stream below TLS: destroying it is a reset for the guest. */
  readonly raw: Duplex;
  readonly site: Site;
  readonly #stream: Duplex;
  readonly #waits: WaitingTimes;
  readonly #open = new Map<ServerResponse, OpenAnswer>();
  #idleTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  #hasMoved = false;
  #refusal: string | null = null;

  /** @param stream  The TLS socket, or `raw` itself. */
  constructor(stream: Duplex, raw: Duplex, site: Site, waits: WaitingTimes) {
    this.#stream = stream;
    this.raw = raw;
    this.site = site;
    this.#waits = waits;
    stream.once('end', () => this.#onHalfClosed());
    // Node tells the response whose turn it is; those behind it in a pipeline wait for ever.
    stream.once('finish', () => this.#abandon());
    raw.once('close', () => {
      this.#stopTimers();
      this.#abandon();
    });
  }

  /**
   * A request has come; its answer ends with the 'close' of the response.
   *
   * @returns False when our half has ended: no answer can be given, so the request must go nowhere.
   */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#refusal !== null || !this.#stream.writable) {
      // One more would be parsed and kept for nobody.
      this.#stream.pause();
      return false;
    }
    clearTimeout(this.#idleTimer);
    this.#open.set(response, { request, response, onGone: null });
    response.once('close', () => {
      this.#open.delete(response);
      if (this.#open.size === 0) this.#onQuiet();
    });
    return true;
  }

  /** `onGone` is called when this answer can no more be given. */
  onBroken(response: ServerResponse, onGone: () => void): void {
    const answer = this.#open.get(response);
    if (answer !== undefined) answer.onGone = onGone;
  }

  /** A byte of an answer was written. */
  moved(): void {
    this.#hasMoved = true;
  }

  /**
   * Says what is wrong with the bytes that came, and ends the connection: after the answers that whole requests still
   * wait for. An answer that has begun to a request that breaks off is a reset: words in it would be taken for its body.
   *
   * @param status  Status line without the version, `408 Request Timeout`.
   */
  refuse(status: string): void {
    if (this.#refusal !== null) return;
    this.#refusal = status;
    const open = [...this.#open.values()];
    if (open.every(({ request }) => request.complete)) {
      if (open.length === 0) this.#sayRefusal(status);
    } else if (open.length > 1 || open[0]?.response.headersSent === true) {
      this.raw.destroy();
    } else {
      open[0]?.onGone?.();
      this.#sayRefusal(status);
    }
  }

  /** The next head is late. Behind answers that are on their way it may wait in a reader that is held back. */
  refuseLateHead(): void {
    if (this.#open.size === 0) this.refuse('408 Request Timeout');
  }

  /** The connection goes on as something else than HTTP. */
  leave(): void {
    this.#stopTimers();
  }

  #sayRefusal(status: string): void {
    if (!this.#stream.writable) return;
    this.#stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    // What else comes is not read as HTTP any more; read it must be, so that the guest's end is seen.
    this.#stream.resume();
  }

  #abandon(): void {
    for (const { onGone } of this.#open.values()) onGone?.();
    this.#open.clear();
  }

  /** All answers are out. */
  #onQuiet(): void {
    clearInterval(this.#silenceTimer);
    if (this.#refusal !== null) this.#sayRefusal(this.#refusal);
    else if (!this.raw.destroyed) {
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

  #stopTimers(): void {
    clearTimeout(this.#idleTimer);
    clearInterval(this.#silenceTimer);
  }
}
