import { pipeline, Readable, type Transform } from 'node:stream';
import type { RequestPlace } from '../../../secret/header-list.ts';
import { LeakError } from '../../../secret/leak/leak-error.ts';
import type { SecretStore } from '../../../secret/secret-store.ts';
import { fieldPairs, flatList } from '../../fields.ts';
import type { Target } from '../../request-context.ts';
import { contentEncoding } from '../audit/request-events.ts';
import type { OutgoingRequest } from '../outgoing-request.ts';

/** A request with values put in. */
export interface PreparedOutgoing extends OutgoingRequest {
  /** Names of the secrets whose values are in it. */
  readonly used: readonly string[];
  /** Names of the secrets to look for in the response. */
  readonly scrub: readonly string[];
}

/**
 * Looks for placeholders where they may not be, without putting anything in.
 *
 * @throws {LeakError}
 */
export function assertNoLeak(store: SecretStore, request: OutgoingRequest, to: Target): void {
  assertCleanMethod(store, request, to);
  const head = { headers: fieldPairs(request.fields), target: request.path };
  const leak = store.findLeak(head, placeOf(to));
  if (leak !== null) throw new LeakError(leak);
}

function assertCleanMethod(store: SecretStore, { method }: OutgoingRequest, to: Target): void {
  const leak = store.findLeakInMethod(method, placeOf(to));
  if (leak !== null) throw new LeakError(leak);
}

/**
 * Puts values in for a host that may have them; body and trailers are scanned on their way.
 *
 * @throws {LeakError}  So may reading the body or the trailers.
 */
export function prepareSecrets(
  store: SecretStore,
  request: OutgoingRequest,
  to: Target,
): PreparedOutgoing {
  assertCleanMethod(store, request, to);
  const head = { headers: fieldPairs(request.fields), target: request.path };
  const { headers, target, used, scrub, leak } = store.prepareRequest(head, placeOf(to));
  if (leak !== null) throw new LeakError(leak);
  const scan =
    request.body === null
      ? null
      : store.createLeakScan('body', placeOf(to), contentEncoding(request.fields));
  return {
    method: request.method,
    path: target,
    fields: flatList(headers),
    body: request.body === null || scan === null ? request.body : scanned(request.body, scan),
    trailers() {
      const trailers = request.trailers();
      const inTrailers = store.findLeakInTrailers(fieldPairs(trailers), placeOf(to));
      if (inTrailers !== null) throw new LeakError(inTrailers);
      return trailers;
    },
    used,
    scrub,
  };
}

/** A target as the secret store names it. */
export function placeOf(to: Target): RequestPlace {
  return { host: to.name, port: to.port, isTls: to.scheme === 'https' };
}

function scanned(body: AsyncIterable<Buffer>, scan: Transform): AsyncIterable<Buffer> {
  // The reader of the scan receives every error; stopping early ends the reading of the body too.
  pipeline(Readable.from(body, { objectMode: false }), scan, () => undefined);
  return scan;
}
