import type { Fields } from '../fields.ts';
import type { GuestAnswer } from '../guest-request.ts';
import type { ResponseHead } from '../upstream/upstream-call.ts';
import type { AnswerSink, SinkOwner } from './response-sink.ts';

interface GuestSinkOwner extends SinkOwner {
  /** The head as the guest gets it. */
  onHead(head: ResponseHead): void;
  onEnd(): void;
}

/** The last stage: the guest itself. */
export class GuestSink implements AnswerSink {
  readonly #answer: GuestAnswer;
  readonly #owner: GuestSinkOwner;

  constructor(answer: GuestAnswer, owner: GuestSinkOwner) {
    this.#answer = answer;
    this.#owner = owner;
  }

  begin(head: ResponseHead): void {
    this.#answer.begin(head.status, head.statusText, head.fields);
    this.#owner.onHead(head);
  }

  write(chunk: Buffer): boolean {
    return this.#answer.write(chunk);
  }

  end(trailers: Fields): void {
    try {
      this.#answer.end(trailers);
    } catch (error) {
      // Node does not write these trailers. Whoever calls may be in an event of the server's connection.
      this.#owner.onFailure(error as Error);
      return;
    }
    this.#owner.onEnd();
  }

  hasRoom(): void {
    this.#owner.onRoom();
  }

  destroy(): void {
    // Whoever breaks an exchange off has reset or answered the guest already.
  }
}
