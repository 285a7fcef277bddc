import { WEBSOCKET_STRIPPED_HEADERS } from '../../secret/websocket/websocket-streams.ts';
import { endToEnd, type Fields, fieldValue } from '../fields.ts';
import type { GuestRequest } from '../guest-request.ts';
import type { HttpServices, RequestContext } from '../request-context.ts';
import type { UpstreamCall } from '../upstream/upstream-call.ts';
import { type OutgoingRequest, prepareSecrets } from './secrets/request-secrets.ts';

/** A call and what it means for its answer. */
export interface BuiltCall {
  readonly call: UpstreamCall;
  /** Names of the secrets whose values are in the call. */
  readonly used: readonly string[];
  /** Names of the secrets to look for in the answer. */
  readonly scrub: readonly string[];
}

/**
 * The last step before a request leaves: values go in, where no hook has seen them.
 *
 * @throws {GondolinError} NET_SECRET_LEAK (details: name, where).
 */
export function buildCall(
  outgoing: OutgoingRequest,
  guest: GuestRequest,
  context: RequestContext,
  { secrets, hooks }: Pick<HttpServices, 'secrets' | 'hooks'>,
): BuiltCall {
  const ready =
    secrets === null
      ? { ...outgoing, used: [], scrub: [] }
      : prepareSecrets(secrets, outgoing, context);
  const isUpgrade = 'accept' in guest;
  const call = {
    method: ready.method,
    path: ready.path,
    authority: context.authority,
    fields: adjusted(ready.fields, {
      isPlain: hooks?.onResponse !== undefined,
      isWatched: isUpgrade && secrets !== null,
    }),
    body: ready.body,
    trailers: ready.trailers,
    takesTrailers: fieldValue(guest.fields, 'te') === 'trailers',
    // A hook that reads the body has asked for it already.
    expectsContinue: guest.expectsContinue && hooks === null && ready.body !== null,
    upgrade: isUpgrade ? 'websocket' : null,
  };
  return { call, used: ready.used, scrub: ready.scrub };
}

/** A body that a hook reads comes uncompressed; WebSocket frames that are looked into have no extensions. */
function adjusted(fields: Fields, how: { isPlain: boolean; isWatched: boolean }): Fields {
  let kept = fields;
  if (how.isWatched) kept = endToEnd(kept, new Set(WEBSOCKET_STRIPPED_HEADERS));
  if (!how.isPlain) return kept;
  return [...endToEnd(kept, new Set(['accept-encoding'])), 'accept-encoding', 'identity'];
}
