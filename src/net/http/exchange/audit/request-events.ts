import { type RefusalEvent, refusalEvent } from '../../../audit/refusal-event.ts';
import type { Blocked, Leak } from '../../../refusal/refusal.ts';
import { type Fields, fieldPairs, fieldValues } from '../../fields.ts';
import type { RequestContext } from '../../request-context.ts';
import type { AskedRequest } from '../asked-request.ts';
import type { RefusedTarget } from '../refusal/refusal-page.ts';

/** The event of a request that was blocked, or that held a placeholder. @param statusCode  Null for a reset. */
export function refusedRequestEvent(
  request: AskedRequest,
  context: RequestContext,
  refusal: Blocked | Leak,
  at: { readonly to: RefusedTarget; readonly statusCode: number | null },
): RefusalEvent {
  const { to, statusCode } = at;
  return refusalEvent(refusal, {
    host: to.name,
    port: to.port,
    transport: context.scheme,
    method: request.method,
    url: request.url,
    httpVersion: request.httpVersion,
    requestHeaders: fieldPairs(request.fields),
    statusCode,
  });
}

/** Value of `Content-Encoding`, all of it. */
export function contentEncoding(fields: Fields): string {
  return fieldValues(fields, 'content-encoding').join(', ');
}
