import type { Fields } from '../fields.ts';

/** A request on its way to the server. */
export interface UpstreamCall {
  readonly method: string;
  /** Origin form: starts with `/`, printable. */
  readonly path: string;
  /** `Host` of the request. */
  readonly authority: string;
  /** End-to-end fields without `host`. */
  readonly fields: Fields;
  /** null: no body. May be read once. */
  readonly body: AsyncIterable<Buffer> | null;
  /** Returns the trailers of the body; called after its end. */
  trailers(): Fields;
  /** The guest sent `TE: trailers`, which gRPC servers insist on. Only HTTP/2 can pass it on. */
  readonly takesTrailers: boolean;
  /**
   * The guest waits for `100 Continue` before it sends the body, which therefore does not come before `onInformation(100)`,
   * unless the guest has waited for long enough.
   */
  readonly expectsContinue: boolean;
  /** `websocket`: ask to leave HTTP. Only over HTTP/1. */
  readonly upgrade: string | null;
}
