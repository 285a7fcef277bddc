import { endToEnd } from '../../fields.ts';
import type { GuestAnswer } from '../../guest-request.ts';
import type { ResponseHead } from '../../upstream/upstream-call.ts';
import type { AskedRequest } from '../judge/asked-request.ts';
import {
  type RefusalPage,
  type RefusedTarget,
  renderRefusal,
  toRefusalPage,
} from './refusal-page.ts';

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
  page: RefusalPage,
): ResponseHead {
  const { statusText, fields, body } = renderRefusal(page, asked.fields);
  const head = { status: page.status, statusText, fields };
  answer.begin(page.status, statusText, fields);
  if (asked.method !== 'HEAD') answer.write(body);
  answer.end([]);
  return head;
}

/** Answers a request that nothing more can be held for: by a head alone, which no window of the guest's delays. */
export function dismiss(answer: GuestAnswer, asked: AskedRequest, to: RefusedTarget): void {
  const message = 'too many requests are in progress';
  const page = toRefusalPage({ kind: 'failed', code: 'busy', message }, to);
  const { statusText, fields } = renderRefusal(page, asked.fields);
  answer.dismiss(page.status, statusText, [...endToEnd(fields, ABOUT_BODY), 'content-length', '0']);
}
