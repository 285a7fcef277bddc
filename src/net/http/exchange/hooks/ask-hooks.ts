import type { Blocked } from '../../../refusal/refusal.ts';
import type { HttpServices, RequestContext } from '../../request-context.ts';
import type { AskedRequest } from '../judge/asked-request.ts';
import { judgeRewritten } from '../judge/judge-request.ts';
import { assertNoLeak, type OutgoingRequest } from '../secrets/request-secrets.ts';
import { type Hooked, runRequestHooks } from './run-request-hooks.ts';

/** What is to be done after the request hooks. */
export type AfterHooks =
  | Extract<Hooked, { kind: 'answer' }>
  | {
      readonly kind: 'refuse';
      readonly refusal: Blocked;
      /** Where the request would have gone. */
      readonly context: RequestContext;
      readonly request: Request;
    }
  | {
      readonly kind: 'send';
      /** Where the request goes now. */
      readonly context: RequestContext;
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
  context: RequestContext,
  { hooks, secrets, policy }: Pick<HttpServices, 'hooks' | 'secrets' | 'policy'>,
): Promise<AfterHooks> {
  if (secrets !== null) assertNoLeak(secrets, outgoing, context);
  const hooked = await runRequestHooks(hooks ?? {}, outgoing, asked.url);
  if (hooked.kind === 'answer') return hooked;
  const { request } = hooked;
  const moved = judgeRewritten(hooked.url, outgoing, hooked.outgoing, context, policy);
  return moved.isAllowed
    ? { kind: 'send', context: moved.context, outgoing: hooked.outgoing, request }
    : { kind: 'refuse', refusal: moved.refusal, context: moved.context, request };
}
