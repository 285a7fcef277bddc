import { WEBSOCKET_STRIPPED_HEADERS } from '../../../secret/websocket/websocket-streams.ts';
import { endToEnd } from '../../fields.ts';
import type { HttpServices } from '../http-services.ts';
import type { Stage } from '../stage.ts';
import { prepareSecrets } from './request-secrets.ts';
import { ScrubbedResponse } from './scrubbed-response.ts';

const STRIPPED: ReadonlySet<string> = new Set(WEBSOCKET_STRIPPED_HEADERS);

/** Puts the values of secrets into the request, where no hook has seen them, and takes them out of the response. */
export function secrets({ secrets: store }: Pick<HttpServices, 'secrets'>): Stage {
  if (store === null) return (next) => next;
  return (next) => (request, handler) => {
    const { exchange, expectsContinue } = request;
    const { isUpgrade } = exchange.guest;
    try {
      const prepared = prepareSecrets(store, request, exchange.context);
      const { method, path, body, trailers, used, scrub } = prepared;
      exchange.record.noteSecrets(used);
      // WebSocket frames that are scanned have no extensions.
      const fields = isUpgrade ? endToEnd(prepared.fields, STRIPPED) : prepared.fields;
      const isPlain = scrub.length === 0 && !isUpgrade;
      next(
        { exchange, method, path, fields, body, trailers, expectsContinue },
        isPlain ? handler : new ScrubbedResponse(handler, exchange, store, scrub),
      );
    } catch (error) {
      handler.onError(error as Error);
    }
  };
}
