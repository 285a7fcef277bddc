import { endToEnd } from '../../fields.ts';
import type { GuestAnswer } from '../../guest-request.ts';
import type { RequestContext } from '../../request-context.ts';
import type { ResponseHead } from '../../upstream/upstream-call.ts';
import type { AskedRequest } from '../judge/asked-request.ts';
import { type Refusal, renderRefusal } from './refusal.ts';

/** Fields about the body of a refusal that has none. */
const ABOUT_BODY: ReadonlySet<string> = new Set(['content-length', 'content-type']);

/**
 * Answers a request with a refusal.
 *
 * @returns The head that was sent.
 */
export function sendRefusal(
  answer: GuestAnswer,
  asked: AskedRequest,
  refusal: Refusal,
): ResponseHead {
  const { statusText, fields, body } = renderRefusal(refusal, asked.fields);
  const head = { status: refusal.status, statusText, fields };
  answer.begin(refusal.status, statusText, fields);
  if (asked.method !== 'HEAD') answer.write(body);
  answer.end([]);
  return head;
}

/** Answers a request that nothing more can be held for: by a head alone, which no window of the guest's delays. */
export function dismiss(answer: GuestAnswer, asked: AskedRequest, context: RequestContext): void {
  const { name: host, port } = context;
  const message = 'too many requests are on their way';
  const refusal = { status: 503, reason: 'busy', message, host, port, rule: '', suggestion: '' };
  const { statusText, fields } = renderRefusal(refusal, asked.fields);
  answer.dismiss(503, statusText, [...endToEnd(fields, ABOUT_BODY), 'content-length', '0']);
}
