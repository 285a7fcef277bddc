import { endToEnd, NOT_IN_TRAILERS } from '../../fields.ts';
import type { HttpServices } from '../http-services.ts';
import { RequestRefused } from '../refusal/request-refused.ts';
import type { Stage } from '../stage.ts';
import { judgeRequest } from './judge-request.ts';

const NOT_FOR_SERVERS: ReadonlySet<string> = new Set(['host']);

/** Judges the request, and passes on only what may travel beyond one connection. */
export function judge({ policy }: Pick<HttpServices, 'policy'>): Stage {
  return (next) => (request, handler) => {
    const { asked, context } = request.exchange;
    const judged = judgeRequest(asked, context, { policy });
    if (!judged.isAllowed) {
      handler.onError(new RequestRefused(judged.refusal));
      return;
    }
    const { path } = judged;
    const fields = endToEnd(request.fields, NOT_FOR_SERVERS);
    const trailers = () => endToEnd(request.trailers(), NOT_IN_TRAILERS);
    const { exchange, method, body, expectsContinue } = request;
    next({ exchange, method, path, fields, body, trailers, expectsContinue }, handler);
  };
}
