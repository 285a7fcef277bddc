import type { Budget } from './budget.ts';
import type { ReplyBuffers } from './reply-buffers.ts';

/** Budgets and memory that the requests of one VM share. */
export interface RequestResources {
  readonly requests: Budget;
  readonly replies: Budget;
  readonly buffers: ReplyBuffers;
}

/** Share of its VM's budgets that one request holds until its reply is drained. */
export class RequestReservation {
  readonly #resources: RequestResources;
  readonly #requestBytes: number;
  #replyBytes = 0;
  #buffer: Buffer | null = null;
  #isReusable = false;

  /** @param requestBytes  Already taken from `requests`. */
  constructor(resources: RequestResources, requestBytes: number) {
    this.#resources = resources;
    this.#requestBytes = requestBytes;
  }

  /** Waits until `bytes` may be allocated for the reply. Call once per request, after every check that can refuse it. */
  async reserve(bytes: number): Promise<void> {
    await this.#resources.replies.take(bytes);
    this.#replyBytes = bytes;
  }

  /** Waits like {@link reserve} and returns memory for the reply, with arbitrary content. */
  async allocate(bytes: number): Promise<Buffer> {
    await this.reserve(bytes);
    this.#buffer = this.#resources.buffers.take(bytes);
    return this.#buffer.subarray(0, bytes);
  }

  /** Says whether only the reply uses the allocated memory: then another request gets it after {@link end}. */
  set isReusable(isReusable: boolean) {
    this.#isReusable = isReusable;
  }

  /** Returns everything once the reply is drained, or when there is none. */
  end(): void {
    const { requests, replies, buffers } = this.#resources;
    if (this.#buffer !== null && this.#isReusable) buffers.give(this.#buffer);
    this.#buffer = null;
    replies.give(this.#replyBytes);
    this.#replyBytes = 0;
    requests.give(this.#requestBytes);
  }
}
