import { endToEnd, type Fields } from '../../fields.ts';
import type { ResponseHandler } from '../../response-handler.ts';
import type { HttpServices } from '../http-services.ts';
import { judgeRewritten } from '../judge/judge-request.ts';
import { RequestRefused } from '../refusal/request-refused.ts';
import { assertNoLeak } from '../secrets/request-secrets.ts';
import type { Dispatch, Stage, StagedRequest } from '../stage.ts';
import { HookedResponse } from './hooked-response.ts';
import { runRequestHooks } from './run-request-hooks.ts';
import { sendResponse } from './send-response.ts';

type HookServices = Pick<HttpServices, 'hooks' | 'secrets' | 'policy'>;

/** Shows the request and its response to the user's functions, and judges again where they lead the request. */
export function hooks(services: HookServices): Stage {
  if (services.hooks === null) return (next) => next;
  return (next) => (request, handler) => {
    const { exchange } = request;
    showHooks(request, handler, next, services).catch((error: Error) => exchange.fault(error));
  };
}

async function showHooks(
  request: StagedRequest,
  handler: ResponseHandler,
  next: Dispatch,
  { hooks, secrets, policy }: HookServices,
): Promise<void> {
  const { exchange } = request;
  try {
    const shown = { ...request, body: request.body && invited(request.body, handler) };
    if (secrets !== null) assertNoLeak(secrets, shown, exchange.context);
    const hooked = await runRequestHooks(hooks ?? {}, shown, exchange.asked.url);
    if (hooked.kind === 'response') {
      await respond(hooked.response, handler, request);
      return;
    }
    if (exchange.isOver) throw new Error('the guest closed the connection');
    const { outgoing } = hooked;
    const judged = judgeRewritten(hooked.url, shown, outgoing, exchange.context, policy);
    exchange.context = judged.context;
    if (!judged.isAllowed) throw new RequestRefused(judged.refusal);
    const onResponse = hooks?.onResponse;
    const fields = onResponse === undefined ? outgoing.fields : uncompressed(outgoing.fields);
    next(
      // A hook that reads the body has asked for it already.
      { ...request, ...outgoing, fields, expectsContinue: false },
      onResponse === undefined
        ? handler
        : new HookedResponse(handler, exchange, onResponse, hooked.request),
    );
  } catch (error) {
    handler.onError(error as Error);
  }
}

/** Asks the guest for a body that waits for `100 Continue` once somebody reads it. */
async function* invited(
  body: AsyncIterable<Buffer>,
  handler: ResponseHandler,
): AsyncGenerator<Buffer> {
  handler.onInformation(100, []);
  yield* body;
}

/** Gives the guest the `Response` of a request hook. */
async function respond(
  response: Response,
  handler: ResponseHandler,
  { exchange }: StagedRequest,
): Promise<void> {
  if (exchange.isOver) {
    await response.body?.cancel();
    throw new Error('the guest closed the connection');
  }
  handler.onStart({ abort: () => undefined, address: null });
  await sendResponse(response, handler, { exchange, trailers: () => [], isUnchanged: false });
}

/** A body that a hook reads comes as it is. */
function uncompressed(fields: Fields): Fields {
  return [...endToEnd(fields, new Set(['accept-encoding'])), 'accept-encoding', 'identity'];
}
