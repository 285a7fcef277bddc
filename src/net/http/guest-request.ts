import type { Fields } from './fields.ts';
import type { ResponseHandler, ResponseHead } from './response-handler.ts';

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
  /** The request asks to leave HTTP (RFC 9110 §7.8), for WebSocket. */
  readonly isUpgrade: boolean;
  readonly response: GuestResponse;
  /**
   * Reads the body, once. Ending early leaves the connection whole; a guest that goes away in the middle makes it
   * throw.
   */
  readBody(): AsyncIterable<Buffer>;
  /** Returns the trailer fields, which are known once the body was read to its end. */
  trailers(): Fields;
}

/**
 * The response as the guest receives it, in its version of HTTP.
 *
 * `onStart` comes once, with the `abort` to call when the guest leaves before the response is whole. `onInformation(100)`
 * asks for a body that waits for it; other informational responses are sent where the guest's version can carry them.
 * `onHead` throws for a field that this version of HTTP cannot carry. `onError` breaks the response off so that the guest
 * cannot take it for whole.
 */
export interface GuestResponse extends ResponseHandler {
  /** A final status has been sent: nothing but its body may follow. */
  readonly hasBegun: boolean;
  /** The listener is called once, when nothing of the request and its response is held any more. */
  onReleased(listener: () => void): void;
  /** Responds with a head alone, which no window of the guest's can hold up. */
  dismiss(head: ResponseHead): void;
}
