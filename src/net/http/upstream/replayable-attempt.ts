import type { Fields } from '../fields.ts';
import { ForwardingHandler, type ResponseHandler, type ResponseHead } from '../response-handler.ts';
import type { ReplayBody } from './replay-body.ts';

interface Replay {
  /** Sends the request once more. */
  readonly again: () => void;
  /** True for an error after which the server cannot have acted on the request, or may act on it twice. */
  readonly isSafe: (error: Error) => boolean;
}

/** One attempt of a request that may be sent twice: its error starts the next attempt while nothing of a response has come. */
export class ReplayableAttempt extends ForwardingHandler {
  readonly #body: ReplayBody | null;
  #replay: Replay | null;

  /** @param replay  null: this is the last attempt. */
  constructor(next: ResponseHandler, body: ReplayBody | null, replay: Replay | null = null) {
    super(next);
    this.#body = body;
    this.#replay = replay;
  }

  override onInformation(status: number, fields: Fields): void {
    this.#replay = null;
    this.next.onInformation(status, fields);
  }

  override onHead(head: ResponseHead, resume: () => void): boolean {
    this.#replay = null;
    return this.next.onHead(head, resume);
  }

  override onEnd(trailers: Fields): void {
    this.#body?.close();
    this.next.onEnd(trailers);
  }

  override onError(error: Error): void {
    const replay = this.#replay;
    this.#replay = null;
    if (replay?.isSafe(error) === true && this.#body?.canReplay !== false) {
      replay.again();
      return;
    }
    this.#body?.close();
    this.next.onError(error);
  }
}
