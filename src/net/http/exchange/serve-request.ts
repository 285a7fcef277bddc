import type { GuestRequest } from '../guest-request.ts';
import type { RequestContext } from '../request-context.ts';
import { audit } from './audit/audit-stage.ts';
import { Exchange } from './exchange.ts';
import { GuestHandler } from './guest-handler.ts';
import { hooks } from './hooks/hooks-stage.ts';
import type { HttpServices } from './http-services.ts';
import { ask } from './judge/ask-stage.ts';
import { judge } from './judge/judge-stage.ts';
import { limit } from './limit/limit-stage.ts';
import { secrets } from './secrets/secrets-stage.ts';
import { compose } from './stage.ts';
import { sendUpstream } from './upstream-stage.ts';

/** Responds to one request of a guest connection, whatever comes. Never throws. */
export type ServeRequest = (guest: GuestRequest, context: RequestContext) => void;

/**
 * Puts the stages of every exchange of one `Network` together. A request passes them in this order, its response in the
 * opposite one. Bodies stream both ways; the slower side holds the faster one back.
 */
export function createServeRequest(services: HttpServices): ServeRequest {
  const stages = compose(
    audit(),
    limit(services),
    ask(services),
    judge(services),
    hooks(services),
    secrets(services),
  );
  const dispatch = stages(sendUpstream(services));
  return (guest, context) => {
    const exchange = new Exchange(guest, context, services);
    const { method, target: path, fields, expectsContinue } = guest;
    const serve = exchange.guard(() => {
      const body = guest.hasBody ? guest.readBody() : null;
      const trailers = () => guest.trailers();
      const request = { exchange, method, path, fields, body, trailers, expectsContinue };
      dispatch(request, new GuestHandler(exchange, services));
    });
    serve();
  };
}
