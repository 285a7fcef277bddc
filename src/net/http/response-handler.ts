import type { Duplex, Transform } from 'node:stream';
import type { Fields } from './fields.ts';

export interface ResponseHead {
  /** 200..599 */
  readonly status: number;
  /** Empty where the version of HTTP has none. */
  readonly statusText: string;
  /** As on the wire; untrusted. */
  readonly fields: Fields;
}

/** One try to get a response. */
export interface Attempt {
  /** Breaks it off. The handler may then be called once more, with `onError`, or not at all. */
  abort(): void;
  /** The server's IP address; null while no server is involved. */
  readonly address: string | null;
}

/** A connection that leaves HTTP, as the server's side gives it. */
export interface Tunnel {
  /** The server's bytes, and the way to it. */
  readonly stream: Duplex;
  /** Applied to what the guest sends; its error resets both sides. */
  readonly outbound?: Transform | null;
  /** Applied to what the server sends. */
  readonly inbound?: Transform | null;
  /** Called once both sides have closed, with the bytes as the guest saw them. */
  onEnd?(end: {
    readonly sentBytes: number;
    readonly receivedBytes: number;
    /** Why it ended early; null when both sides closed in order. */
    readonly error: Error | null;
  }): void;
}

/**
 * Receives one response: servers' connections call it, each stage of an exchange wraps it, and the guest's side
 * implements it.
 *
 * `onStart` comes first, once per attempt. Then `onInformation` any number of times, `onHead` once, `onData`; and exactly
 * one of `onEnd`, `onUpgrade` and `onError` last.
 */
export interface ResponseHandler {
  onStart(attempt: Attempt): void;
  /** @param status  1xx; 100: the server wants the body of a request that waits for `100 Continue`. */
  onInformation(status: number, fields: Fields): void;
  /**
   * @param resume  Called whenever there is room again after a `false`.
   * @returns False to hold the body back until `resume`.
   */
  onHead(head: ResponseHead, resume: () => void): boolean;
  /** @returns False to hold the next bytes back until `resume`. */
  onData(chunk: Buffer): boolean;
  onEnd(trailers: Fields): void;
  onUpgrade(head: ResponseHead, tunnel: Tunnel): void;
  onError(error: Error): void;
}

/** Passes every call on to the next handler: the base of those that change only some. */
export abstract class ForwardingHandler implements ResponseHandler {
  protected readonly next: ResponseHandler;

  constructor(next: ResponseHandler) {
    this.next = next;
  }

  onStart(attempt: Attempt): void {
    this.next.onStart(attempt);
  }

  onInformation(status: number, fields: Fields): void {
    this.next.onInformation(status, fields);
  }

  onHead(head: ResponseHead, resume: () => void): boolean {
    return this.next.onHead(head, resume);
  }

  onData(chunk: Buffer): boolean {
    return this.next.onData(chunk);
  }

  onEnd(trailers: Fields): void {
    this.next.onEnd(trailers);
  }

  onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    this.next.onUpgrade(head, tunnel);
  }

  onError(error: Error): void {
    this.next.onError(error);
  }
}
