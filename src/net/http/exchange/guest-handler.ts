import { GondolinError } from '../../../errors/gondolin-error.ts';
import { LOST_PERMISSION } from '../../policy/open-refusal.ts';
import type { Fields } from '../fields.ts';
import type { ResponseHandler, ResponseHead, Tunnel } from '../response-handler.ts';
import { upstreamError } from '../upstream/upstream-error.ts';
import type { Exchange } from './exchange.ts';
import type { HttpServices } from './http-services.ts';
import { toRefusalPage } from './refusal/refusal-page.ts';
import { sendRefusal } from './refusal/send-refusal.ts';
import { toRefusal } from './refusal/to-refusal.ts';

/** The last handler of each response: gives it to the guest, an error as a refusal, and ends the exchange. */
export class GuestHandler implements ResponseHandler {
  readonly #exchange: Exchange;
  readonly #fault: HttpServices['fault'];

  constructor(exchange: Exchange, { fault }: Pick<HttpServices, 'fault'>) {
    this.#exchange = exchange;
    this.#fault = fault;
    exchange.responder = this;
    const abort = exchange.guard(() => exchange.end('the guest closed the connection'));
    exchange.guest.response.onStart({ abort, address: null });
  }

  onStart(): void {
    // The guest has its own `abort` already, which outlives the attempts.
  }

  onInformation(status: number, fields: Fields): void {
    const { isOver, guest } = this.#exchange;
    if (!isOver) guest.response.onInformation(status, fields);
  }

  onHead(head: ResponseHead, resume: () => void): boolean {
    const { isOver, guest, guard } = this.#exchange;
    return isOver || guest.response.onHead(head, guard(resume));
  }

  onData(chunk: Buffer): boolean {
    const { isOver, guest } = this.#exchange;
    return isOver || guest.response.onData(chunk);
  }

  onEnd(trailers: Fields): void {
    const exchange = this.#exchange;
    if (exchange.isOver) return;
    try {
      exchange.guest.response.onEnd(trailers);
    } catch (error) {
      // Node does not write these trailers. The caller may be in an event of the server's connection.
      this.onError(error as Error);
      return;
    }
    exchange.end(null);
  }

  onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    const exchange = this.#exchange;
    exchange.tunnel = tunnel.stream;
    const onEnd: NonNullable<Tunnel['onEnd']> = (end) => {
      tunnel.onEnd?.(end);
      exchange.end(end.error === null ? null : end.error.message);
    };
    exchange.guest.response.onUpgrade(head, { ...tunnel, onEnd: exchange.guard(onEnd) });
  }

  onError(error: Error): void {
    const { isOver, guest, record, asked, context } = this.#exchange;
    if (isOver) return;
    const { response } = guest;
    const refusal = toRefusal(error, context);
    if (response.hasBegun) {
      record.refused(refusal, context, null);
      response.onError(error);
      const isBlocked = refusal.kind === 'blocked';
      const why = isBlocked ? LOST_PERMISSION : upstreamError(error, context.name).message;
      this.#exchange.end(why);
      return;
    }
    if (GondolinError.is(error) && error.code === 'NET_HOOK_FAILED') this.#fault(error);
    const page = toRefusalPage(refusal, context);
    // A server that failed was asked; a request that was blocked never went out.
    if (refusal.kind === 'failed' && page.status >= 500) record.open();
    record.noteHead(sendRefusal(response, asked, page));
    record.refused(refusal, context, page.status);
    this.#exchange.end(page.message);
  }
}
