import { blockReason } from '../../../audit/block-reason.ts';
import type { HeaderList, NetworkEvent } from '../../../audit/network-event.ts';
import { type Fields, fieldValues } from '../../fields.ts';
import type { RequestContext } from '../../request-context.ts';
import type { AskedRequest } from '../judge/asked-request.ts';
import type { Refusal } from '../refusal/refusal.ts';

/** Flat fields in pairs. */
export function headerList(fields: Fields): HeaderList {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2)
    list.push([fields[at] ?? '', fields[at + 1] ?? '']);
  return list;
}

/** The event of a request that policy refused; `null` for one that failed for another reason. */
export function blockedEvent(
  request: AskedRequest,
  context: RequestContext,
  refusal: Refusal,
): NetworkEvent | null {
  const reason = blockReason(refusal.reason);
  if (reason === null) return null;
  return {
    kind: 'blocked',
    timestampMs: Date.now(),
    host: refusal.host,
    port: refusal.port,
    transport: context.scheme,
    method: request.method,
    url: request.url,
    httpVersion: request.httpVersion,
    requestHeaders: headerList(request.fields),
    statusCode: refusal.status,
    reason,
    rule: refusal.rule,
    suggestion: refusal.suggestion,
  };
}

/** Value of `Content-Encoding`, all of it. */
export function contentEncoding(fields: Fields): string {
  return fieldValues(fields, 'content-encoding').join(', ');
}
