import { isAskable } from '../../../policy/is-askable.ts';
import type { HttpServices } from '../http-services.ts';
import type { Stage } from '../stage.ts';
import { judgeRequest } from './judge-request.ts';

/** Lets the user decide about a host that the policy does not name, while the request waits. */
export function ask({ policy, asker }: Pick<HttpServices, 'policy' | 'asker'>): Stage {
  if (asker === null) return (next) => next;
  return (next) => (request, handler) => {
    const { exchange } = request;
    const { asked, context } = exchange;
    const judged = judgeRequest(asked, context, { policy });
    if (judged.isAllowed || !isAskable(judged.refusal)) {
      next(request, handler);
      return;
    }
    const { name: host, port, scheme } = context;
    const { method, url } = asked;
    const answered = exchange.guard((isGranted: boolean) => {
      exchange.context = { ...exchange.context, isGranted };
      // The guest may have left meanwhile.
      if (exchange.isOver) handler.onError(new Error('the guest closed the connection'));
      else next(request, handler);
    });
    void asker.ask({ host, port, scheme, method, url }).then(answered);
  };
}
