import type { HttpServices, Site } from '../../request-context.ts';
import type { AskedRequest } from '../judge/asked-request.ts';
import { judgeMoved } from '../judge/judge-request.ts';
import type { Refusal } from '../refusal/refusal.ts';
import { assertNoLeak, type OutgoingRequest } from '../secrets/request-secrets.ts';
import { type Hooked, runRequestHooks } from './run-request-hooks.ts';

/** What is to be done after the request hooks. */
export type AfterHooks =
  | Extract<Hooked, { kind: 'answer' }>
  | { readonly kind: 'refuse'; readonly refusal: Refusal; readonly request: Request }
  | {
      readonly kind: 'send';
      /** Where the request goes now. */
      readonly site: Site;
      readonly outgoing: OutgoingRequest;
      readonly request: Request;
    };

/**
 * Shows a request to the hooks, and judges again where they lead it.
 *
 * @throws {GondolinError} NET_SECRET_LEAK, or NET_HOOK_FAILED.
 */
export async function askHooks(
  asked: AskedRequest,
  outgoing: OutgoingRequest,
  site: Site,
  { hooks, secrets, policy }: Pick<HttpServices, 'hooks' | 'secrets' | 'policy'>,
): Promise<AfterHooks> {
  if (secrets !== null) assertNoLeak(secrets, outgoing, site);
  const hooked = await runRequestHooks(hooks ?? {}, outgoing, asked.url);
  if (hooked.kind === 'answer') return hooked;
  const { request } = hooked;
  const moved = judgeMoved(hooked.url, outgoing, hooked.outgoing, site, policy);
  return moved.isAllowed
    ? { kind: 'send', site: moved.site, outgoing: hooked.outgoing, request }
    : { kind: 'refuse', refusal: moved.refusal, request };
}
