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
    const { exchange } = request;
    const { isUpgrade } = exchange.guest;
    try {
      const { used, scrub, ...prepared } = prepareSecrets(store, request, exchange.context);
      exchange.record.noteSecrets(used);
      // WebSocket frames that are scanned have no extensions.
      const fields = isUpgrade ? endToEnd(prepared.fields, STRIPPED) : prepared.fields;
      const isPlain = scrub.length === 0 && !isUpgrade;
      next(
        { ...request, ...prepared, fields },
        isPlain ? handler : new ScrubbedResponse(handler, exchange, store, scrub),
      );
    } catch (error) {
      handler.onError(error as Error);
    }
  };
}
