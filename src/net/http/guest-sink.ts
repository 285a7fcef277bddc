import type { AnswerSink } from './answer-sink.ts';
import type { Fields } from './fields.ts';
import type { GuestAnswer } from './guest-request.ts';
import type { ResponseHead } from './upstream-call.ts';

/** The last stage: the guest itself. */
export class GuestSink implements AnswerSink {
  /** Told the head as the guest gets it. */
  onHead: ((head: ResponseHead) => void) | null = null;
  readonly #answer: GuestAnswer;
  readonly #owner: { onRoom(): void; onEnd(): void };

  constructor(answer: GuestAnswer, owner: { onRoom(): void; onEnd(): void }) {
    this.#answer = answer;
    this.#owner = owner;
  }

  begin(head: ResponseHead): void {
    this.#answer.begin(head.status, head.statusText, head.fields);
    this.onHead?.(head);
  }

  write(chunk: Buffer): boolean {
    return this.#answer.write(chunk);
  }

  end(trailers: Fields): void {
    this.#answer.end(trailers);
    this.#owner.onEnd();
  }

  hasRoom(): void {
    this.#owner.onRoom();
  }

  destroy(): void {
    // Whoever breaks an exchange off has reset or answered the guest already.
  }
}
