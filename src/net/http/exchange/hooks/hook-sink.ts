import type { RequestHooks } from '../../../hooks/http-hooks.ts';
import type { Fields } from '../../fields.ts';
import type { ResponseHead } from '../../upstream/upstream-call.ts';
import type { AnswerSink, GuardingOwner } from '../response-sink.ts';
import { headersOf, runResponseHook } from './run-request-hooks.ts';
import { sendResponse } from './send-response.ts';

/** Statuses whose `Response` has no body. */
const BODILESS = new Set([204, 205, 304]);

/** Shows the answer to `onResponse`; its body streams through the hook's `Response` as the guest takes it. */
export class HookSink implements AnswerSink {
  readonly #next: AnswerSink;
  readonly #owner: GuardingOwner;
  readonly #hook: NonNullable<RequestHooks['onResponse']>;
  readonly #request: Request;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #room: (() => void) | null = null;
  #trailers: Fields = [];
  /** The server's answer needs nothing more. */
  #isOver = false;
  #isDestroyed = false;
  #onOver: (() => void) | null = null;

  constructor(
    next: AnswerSink,
    owner: GuardingOwner,
    hook: NonNullable<RequestHooks['onResponse']>,
    request: Request,
  ) {
    this.#next = next;
    this.#owner = owner;
    this.#hook = hook;
    this.#request = request;
  }

  begin(head: ResponseHead): void {
    void this.#run(head);
  }

  write(chunk: Buffer): boolean {
    if (this.#isOver || this.#controller === null) return true;
    // A copy: the hook may keep what it got, and the memory may be a larger read buffer's.
    this.#controller.enqueue(new Uint8Array(chunk));
    return (this.#controller.desiredSize ?? 1) > 0;
  }

  end(trailers: Fields): void {
    this.#trailers = trailers;
    if (!this.#isOver) this.#controller?.close();
    this.#isOver = true;
  }

  hasRoom(): void {
    const room = this.#room;
    this.#room = null;
    room?.();
  }

  destroy(): void {
    if (!this.#isOver) this.#controller?.error(new Error('the answer broke off'));
    this.#isOver = true;
    this.#isDestroyed = true;
    this.#onOver?.();
    this.hasRoom();
    this.#next.destroy();
  }

  async #run(head: ResponseHead): Promise<void> {
    try {
      const response = this.#responseOf(head);
      const given = await runResponseHook(this.#hook, response, this.#request);
      const flow = {
        waitForRoom: () =>
          new Promise<void>((resolve) => {
            this.#room = resolve;
          }),
        trailers: () => this.#trailers,
        onOver: (listener: () => void) => {
          this.#onOver = listener;
          if (this.#isDestroyed) listener();
        },
      };
      await sendResponse(given, this.#next, flow, given === response);
    } catch (error) {
      this.#owner.guard(() => this.#owner.onFailure(error as Error))();
    }
  }

  #responseOf({ status, statusText, fields }: ResponseHead): Response {
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: this.#owner.guard(() => this.#owner.onRoom()),
        cancel: this.#owner.guard(() => {
          this.#isOver = true;
          this.#owner.onRoom();
        }),
      },
      { highWaterMark: 256 * 1024, size: (chunk) => chunk?.byteLength ?? 0 },
    );
    const init = { status, statusText, headers: headersOf(fields) };
    return new Response(BODILESS.has(status) ? null : body, init);
  }
}
