import type { Duplex } from 'node:stream';
import type { Fields } from './fields.ts';

/** One request of the guest, whatever version of HTTP carried it. All of it is untrusted. */
export interface GuestRequest {
  readonly method: string;
  /** As written: origin form, absolute form or `*`. */
  readonly target: string;
  /** Every authority the request names: Host fields and `:authority`. */
  readonly authorities: readonly string[];
  /** As on the wire, without pseudo fields. */
  readonly fields: Fields;
  /** As HAR has it: `HTTP/1.1`, `HTTP/2.0`. */
  readonly httpVersion: string;
  readonly hasBody: boolean;
  /** The guest waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** The body, once. Ending early leaves the connection whole; a guest that goes away in the middle makes it throw. */
  readBody(): AsyncIterable<Buffer>;
  /** Trailer fields; known once the body was read to its end. */
  trailers(): Fields;
  readonly answer: GuestAnswer;
}

/** The way back to the guest. `write` false: wait for `onDrain`. */
export interface GuestAnswer {
  /** A final status has been sent: nothing but its body may follow. */
  readonly hasBegun: boolean;
  /**
   * `onGone` comes once, when the guest left before the answer was whole; nothing comes after the answer's end.
   */
  listen(listeners: { onDrain: () => void; onGone: () => void }): void;
  /** Called once, when nothing of the request and its answer is held any more. */
  onReleased(listener: () => void): void;
  /** Answers with a head alone, which no window of the guest's can hold up. */
  dismiss(status: number, statusText: string, fields: Fields): void;
  /** An informational answer (1xx) where the guest's version can carry it. */
  inform(status: number, fields: Fields): void;
  /** Asks for the body of a request that waits for `100 Continue`. */
  invite(): void;
  /** @throws {Error} when a field cannot stand in this version of HTTP. */
  begin(status: number, statusText: string, fields: Fields): void;
  write(chunk: Buffer): boolean;
  end(trailers: Fields): void;
  /** Breaks the answer off so that the guest cannot take it for whole. */
  reset(): void;
}

/** A request that asks to leave HTTP (RFC 9110 §7.8), for WebSocket. */
export interface GuestUpgrade extends GuestRequest {
  /** Sends `101` and hands over the bytes of both directions; `head`: what the guest had sent already. */
  accept(statusText: string, fields: Fields): { readonly stream: Duplex; readonly head: Buffer };
}
