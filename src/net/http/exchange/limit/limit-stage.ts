import { type Attempt, ForwardingHandler, type ResponseHandler } from '../../response-handler.ts';
import { headBytes } from '../asked-request.ts';
import type { Exchange } from '../exchange.ts';
import type { HttpServices } from '../http-services.ts';
import { dismiss } from '../refusal/send-refusal.ts';
import type { Dispatch, Stage, StagedRequest } from '../stage.ts';
import type { RequestSlot } from './guest-load.ts';

/** Admits as many requests as may be held at once, and begins them in turns that other VMs share. */
export function limit({ load, turns }: Pick<HttpServices, 'load' | 'turns'>): Stage {
  return (next) => (request, handler) => {
    const { exchange } = request;
    const slot = load.admit(headBytes(exchange.asked));
    if (slot === null) {
      dismiss(exchange.guest.response, exchange.asked, exchange.context);
      exchange.end(null);
      return;
    }
    exchange.guest.response.onReleased(slot.releaseGuest);
    const admitted = new AdmittedHandler(handler, exchange, slot);
    turns.run(exchange.guard(() => admitted.dispatch(next, request)));
  };
}

/** Releases the server's half of a slot once the exchange is over and no later stage works on its request. */
class AdmittedHandler extends ForwardingHandler {
  readonly #exchange: Exchange;
  readonly #slot: RequestSlot;
  /** A later stage has the request and has not started: until then it can't be taken back, and is held in memory. */
  #isWaiting = false;

  constructor(next: ResponseHandler, exchange: Exchange, slot: RequestSlot) {
    super(next);
    this.#exchange = exchange;
    this.#slot = slot;
    exchange.onOver(() => this.#release());
  }

  dispatch(next: Dispatch, request: StagedRequest): void {
    // The guest may have left while the request waited for its turn.
    if (this.#exchange.isOver) return;
    this.#isWaiting = true;
    try {
      next(request, this);
    } catch (error) {
      this.#stopWaiting();
      throw error;
    }
  }

  override onStart(attempt: Attempt): void {
    this.#stopWaiting();
    this.next.onStart(attempt);
  }

  override onError(error: Error): void {
    this.#stopWaiting();
    this.next.onError(error);
  }

  #stopWaiting(): void {
    this.#isWaiting = false;
    if (this.#exchange.isOver) this.#release();
  }

  #release(): void {
    if (!this.#isWaiting) this.#slot.releaseServer();
  }
}
