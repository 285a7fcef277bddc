import { endToEnd, NOT_IN_TRAILERS } from '../fields.ts';
import type { GuestRequest } from '../guest-request.ts';
import type { OutgoingRequest } from './secrets/request-secrets.ts';

const NOT_FOR_SERVERS: ReadonlySet<string> = new Set(['host']);

/**
 * Builds what goes out of a request that policy allowed.
 *
 * @param path  As it was judged.
 */
export function outgoingOf(
  guest: GuestRequest,
  path: string,
  body: AsyncIterable<Buffer> | null,
): OutgoingRequest {
  return {
    method: guest.method,
    path,
    fields: endToEnd(guest.fields, NOT_FOR_SERVERS),
    body,
    trailers: () => endToEnd(guest.trailers(), NOT_IN_TRAILERS),
  };
}
