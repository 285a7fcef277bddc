import type { RequestHooks } from '../../../hooks/http-hooks.ts';
import type { Fields } from '../../fields.ts';
import {
  ForwardingHandler,
  type ResponseHandler,
  type ResponseHead,
} from '../../response-handler.ts';
import type { Exchange } from '../exchange.ts';
import { headersOf, runResponseHook } from './run-request-hooks.ts';
import { sendResponse } from './send-response.ts';

/** Statuses whose `Response` has no body. */
const BODILESS = new Set([204, 205, 304]);

/** Shows the response to `onResponse`; its body streams through the hook's `Response` as the guest takes it. */
export class HookedResponse extends ForwardingHandler {
  readonly #exchange: Exchange;
  readonly #hook: NonNullable<RequestHooks['onResponse']>;
  readonly #request: Request;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #trailers: Fields = [];
  /** The stream of the server's body has ended, or is wanted no more. */
  #isClosed = false;

  /** @param request  The request as the request hooks left it. */
  constructor(
    next: ResponseHandler,
    exchange: Exchange,
    hook: NonNullable<RequestHooks['onResponse']>,
    request: Request,
  ) {
    super(next);
    this.#exchange = exchange;
    this.#hook = hook;
    this.#request = request;
    exchange.onOver((error) => {
      if (error !== null) this.#breakOff();
    });
  }

  override onHead(head: ResponseHead, resume: () => void): boolean {
    void this.#run(head, resume);
    return true;
  }

  override onData(chunk: Buffer): boolean {
    if (this.#isClosed || this.#controller === null) return true;
    // A copy: the hook may keep what it got, and the memory may be a larger read buffer's.
    this.#controller.enqueue(new Uint8Array(chunk));
    return (this.#controller.desiredSize ?? 1) > 0;
  }

  override onEnd(trailers: Fields): void {
    this.#trailers = trailers;
    if (!this.#isClosed) this.#controller?.close();
    this.#isClosed = true;
  }

  #breakOff(): void {
    if (!this.#isClosed) this.#controller?.error(new Error('the response broke off'));
    this.#isClosed = true;
  }

  async #run(head: ResponseHead, resume: () => void): Promise<void> {
    const exchange = this.#exchange;
    try {
      const response = this.#responseOf(head, resume);
      const given = await runResponseHook(this.#hook, response, this.#request);
      const isUnchanged = given === response;
      await sendResponse(given, this.next, {
        exchange,
        trailers: () => this.#trailers,
        isUnchanged,
      });
    } catch (error) {
      exchange.guard(() => this.next.onError(error as Error))();
    }
  }

  #responseOf({ status, statusText, fields }: ResponseHead, resume: () => void): Response {
    const { guard } = this.#exchange;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: guard(resume),
        cancel: guard(() => {
          this.#isClosed = true;
          resume();
        }),
      },
      { highWaterMark: 256 * 1024, size: (chunk) => chunk?.byteLength ?? 0 },
    );
    const init = { status, statusText, headers: headersOf(fields) };
    return new Response(BODILESS.has(status) ? null : body, init);
  }
}
