import type { Budget } from './budget.ts';

/** Share of its VM's budgets that one request holds until its reply is drained. */
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

  /** Waits until `bytes` may be allocated for the reply. Call once per request, after every check that can refuse it. */
  async reserve(bytes: number): Promise<void> {
    await this.#replies.take(bytes);
    this.#replyBytes = bytes;
  }

  /** Returns everything once the reply is drained, or when there is none. */
  end(): void {
    this.#replies.give(this.#replyBytes);
    this.#replyBytes = 0;
    this.#requests.give(this.#requestBytes);
  }
}
