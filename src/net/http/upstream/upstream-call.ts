import type { Duplex } from 'node:stream';
import type { Fields } from '../fields.ts';

/** Where requests of one guest connection go. */
export interface Target {
  /** Lower-case name, or an IP literal (then `isLiteral`). */
  readonly name: string;
  readonly isLiteral: boolean;
  readonly port: number;
  readonly scheme: 'http' | 'https';
}

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
  /** Trailers of the body, asked for after its end. */
  trailers(): Fields;
  /** The guest said `TE: trailers`, which gRPC servers insist on. Only HTTP/2 can say it on. */
  readonly takesTrailers: boolean;
  /**
   * The guest waits for `100 Continue` before it sends the body, which therefore does not come before `onInformation(100)`,
   * unless the guest has waited for long enough.
   */
  readonly expectsContinue: boolean;
  /** `websocket`: ask to leave HTTP. Only over HTTP/1. */
  readonly upgrade: string | null;
}

export interface ResponseHead {
  /** 200..599 */
  readonly status: number;
  readonly statusText: string;
  /** As on the wire; untrusted. */
  readonly fields: Fields;
}

/** What becomes of a call. `onStart` comes first, once per attempt; then `onEnd`, `onUpgrade` or `onError` is the last. */
export interface UpstreamHandler {
  onStart(attempt: { abort(): void; readonly address: string | null }): void;
  onInformation(status: number, fields: Fields): void;
  /** @returns False to hold the body back until `resume`. */
  onHead(head: ResponseHead, resume: () => void): boolean;
  onData(chunk: Buffer): boolean;
  onEnd(trailers: Fields): void;
  onUpgrade(head: ResponseHead, stream: Duplex): void;
  onError(error: Error): void;
}
