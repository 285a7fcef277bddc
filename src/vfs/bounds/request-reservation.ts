import type { Budget } from './budget.ts';

/** What one request holds of its VM's budgets, until its reply is drained. */
export class RequestReservation {
  readonly #requests: Budget;
  readonly #replies: Budget;
  readonly #requestBytes: number;
  #replyBytes = 0;

  /** @param requestBytes  Already taken from `requests`. */
  constructor(requests: Budget, replies: Budget, requestBytes: number) {
    this.#requests = requests;
    this.#replies = replies;
    this.#requestBytes = requestBytes;
  }

  /** Waits until `bytes` for the reply may be allocated. Once a request, after all that can refuse it was checked. */
  async reserve(bytes: number): Promise<void> {
    await this.#replies.take(bytes);
    this.#replyBytes = bytes;
  }

  /** Gives all back: the reply is drained, or there is none. */
  end(): void {
    this.#replies.give(this.#replyBytes);
    this.#replyBytes = 0;
    this.#requests.give(this.#requestBytes);
  }
}
