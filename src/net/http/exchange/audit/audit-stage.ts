import { LeakError } from '../../../secret/leak/leak-error.ts';
import {
  type Attempt,
  ForwardingHandler,
  type ResponseHandler,
  type ResponseHead,
  type Tunnel,
} from '../../response-handler.ts';
import type { Exchange } from '../exchange.ts';
import type { Stage } from '../stage.ts';

/** Records the exchange: its bytes, its response as the guest gets it, its end. */
export function audit(): Stage {
  return (next) => (request, handler) => {
    const { exchange, body } = request;
    const { record } = exchange;
    exchange.onOver((error) => record.finish(error));
    const counted = body === null ? request : { ...request, body: record.countBody(body) };
    next(counted, new AuditHandler(handler, exchange));
  };
}

class AuditHandler extends ForwardingHandler {
  readonly #exchange: Exchange;

  constructor(next: ResponseHandler, exchange: Exchange) {
    super(next);
    this.#exchange = exchange;
  }

  override onStart(attempt: Attempt): void {
    const { isOver, record } = this.#exchange;
    if (!isOver) {
      record.open();
      record.noteAddress(attempt.address);
    }
    this.next.onStart(attempt);
  }

  override onHead(head: ResponseHead, resume: () => void): boolean {
    const isWanted = this.next.onHead(head, resume);
    this.#exchange.record.noteHead(head);
    return isWanted;
  }

  override onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    const { record, context } = this.#exchange;
    const onEnd: NonNullable<Tunnel['onEnd']> = (end) => {
      record.noteTunnel(end);
      if (end.error instanceof LeakError) record.refused(end.error.leak, context, null);
      tunnel.onEnd?.(end);
    };
    this.next.onUpgrade(head, { ...tunnel, onEnd });
    record.noteHead(head);
  }
}
