import type { Duplex } from 'node:stream';
import type { PolicyJudge } from '../../policy/compile-policy.ts';
import { LOST_PERMISSION, openRefusal } from '../../policy/open-refusal.ts';
import { createGuard, type Guard } from '../guard.ts';
import type { GuestRequest } from '../guest-request.ts';
import type { RequestContext } from '../request-context.ts';
import type { ResponseHandler } from '../response-handler.ts';
import { type AskedRequest, readRequest } from './asked-request.ts';
import { ExchangeRecord } from './audit/exchange-record.ts';
import type { HttpServices, OpenExchange } from './http-services.ts';
import { RequestRefused } from './refusal/request-refused.ts';

/** One request of the guest and its response: what its stages share, and its one end. */
export class Exchange implements OpenExchange {
  readonly guest: GuestRequest;
  /** The head of the request, as the guest sent it. */
  readonly asked: AskedRequest;
  readonly record: ExchangeRecord;
  /** Wraps callbacks of Node, streams and promises: a throw ends this exchange, never the process. */
  readonly guard: Guard;
  /** Where the request goes; a hook may lead it elsewhere. */
  context: RequestContext;
  /** The guest's end of the response. */
  responder: ResponseHandler | null = null;
  /** The server's end, once both have left HTTP. */
  tunnel: Duplex | null = null;
  readonly #services: Pick<HttpServices, 'fault' | 'open'>;
  #listeners: ((error: string | null) => void)[] = [];
  #isOver = false;

  constructor(guest: GuestRequest, context: RequestContext, services: HttpServices) {
    this.guest = guest;
    this.context = context;
    this.#services = services;
    this.asked = readRequest(guest, context);
    this.record = new ExchangeRecord(this.asked, context, services);
    this.guard = createGuard((error) => this.fault(error));
    services.open.add(this);
  }

  /** The guest has its whole response or will get no more of it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The listener is called once, when the exchange ends: at once where it has. `error`: why it broke off, or null. */
  onOver(listener: (error: string | null) => void): void {
    // A late listener only has to clean up.
    if (this.#isOver) listener(null);
    else this.#listeners.push(listener);
  }

  /** Ends the exchange; only the first call counts. @param error  The reason why it broke off, in a few words. */
  end(error: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#services.open.delete(this);
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener(error);
  }

  judgeAgain(policy: PolicyJudge): void {
    const { scheme: transport } = this.context;
    const place = { ...this.context, transport, address: this.record.address };
    const refusal = openRefusal(policy, place);
    if (refusal === null) return;
    if (this.tunnel === null) {
      this.responder?.onError(new RequestRefused(refusal));
      return;
    }
    this.record.refused(refusal, this.context, null);
    // The guest's end follows.
    this.tunnel.destroy(new Error(LOST_PERMISSION));
  }

  /** Ends the exchange for a failure of ours. */
  fault(error: Error): void {
    this.#services.fault(error);
    this.guest.response.onError(error);
    this.end('gondolin failed');
  }
}
