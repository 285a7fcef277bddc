import { endToEnd } from '../../fields.ts';
import type { GuestResponse } from '../../guest-request.ts';
import type { ResponseHead } from '../../response-handler.ts';
import type { AskedRequest } from '../asked-request.ts';
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
  response: GuestResponse,
  asked: AskedRequest,
  page: RefusalPage,
): ResponseHead {
  const { statusText, fields, body } = renderRefusal(page, asked.fields);
  const head = { status: page.status, statusText, fields };
  response.onHead(head, () => undefined);
  if (asked.method !== 'HEAD') response.onData(body);
  response.onEnd([]);
  return head;
}

/** Answers a request that nothing more can be held for: by a head alone, which no window of the guest's delays. */
export function dismiss(response: GuestResponse, asked: AskedRequest, to: RefusedTarget): void {
  const message = 'too many requests are in progress';
  const page = toRefusalPage({ kind: 'failed', code: 'busy', message }, to);
  const { statusText, fields } = renderRefusal(page, asked.fields);
  const bare = [...endToEnd(fields, ABOUT_BODY), 'content-length', '0'];
  response.dismiss({ status: page.status, statusText, fields: bare });
}
