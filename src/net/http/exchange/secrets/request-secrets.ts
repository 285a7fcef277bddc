import { pipeline, Readable, type Transform } from 'node:stream';
import { GondolinError } from '../../../../errors/gondolin-error.ts';
import { leakMove } from '../../../audit/leak-move.ts';
import type { LeakPlace, NetworkEvent } from '../../../audit/network-event.ts';
import type { SecretLeak } from '../../../secret/header-list.ts';
import type { SecretStore } from '../../../secret/secret-store.ts';
import { type Fields, flatList } from '../../fields.ts';
import type { RequestContext } from '../../request-context.ts';
import type { Target } from '../../upstream/upstream-call.ts';
import { contentEncoding, headerList } from '../audit/request-events.ts';
import type { AskedRequest } from '../judge/asked-request.ts';

/** What of a request goes out. */
export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** End-to-end fields without `host`. */
  readonly fields: Fields;
  readonly body: AsyncIterable<Buffer> | null;
  trailers(): Fields;
}

/** A request with values put in. */
export interface PreparedOutgoing extends OutgoingRequest {
  /** Names of the secrets whose values are in it. */
  readonly used: readonly string[];
  /** Names of the secrets to look for in the answer. */
  readonly scrub: readonly string[];
}

/**
 * Looks for placeholders where they may not be, without putting anything in.
 *
 * @throws {GondolinError} NET_SECRET_LEAK (details: name, where).
 */
export function assertNoLeak(store: SecretStore, request: OutgoingRequest, to: Target): void {
  assertCleanMethod(store, request);
  const head = { headers: headerList(request.fields), target: request.path };
  const leak = store.findLeak(head, placeOf(to));
  if (leak !== null) throw leakOf(leak);
}

function assertCleanMethod(store: SecretStore, { method }: OutgoingRequest): void {
  const inMethod = store.index.findInText(method);
  if (inMethod !== null) throw leakOf({ name: inMethod, where: 'method', reason: 'place' });
}

/**
 * Puts values in for a host that may have them; body and trailers are looked at on their way.
 *
 * @throws {GondolinError} NET_SECRET_LEAK (details: name, where); reading the body or the trailers may throw it too.
 */
export function prepareSecrets(
  store: SecretStore,
  request: OutgoingRequest,
  to: Target,
): PreparedOutgoing {
  assertCleanMethod(store, request);
  const head = { headers: headerList(request.fields), target: request.path };
  const { headers, target, used, scrub, leak } = store.prepareRequest(head, placeOf(to));
  if (leak !== null) throw leakOf(leak);
  const scan =
    request.body === null ? null : store.createLeakScan('body', contentEncoding(request.fields));
  return {
    method: request.method,
    path: target,
    fields: flatList(headers),
    body: request.body === null || scan === null ? request.body : scanned(request.body, scan),
    trailers() {
      const trailers = request.trailers();
      const inTrailers = store.findLeakInTrailers(headerList(trailers));
      if (inTrailers !== null) throw leakOf(inTrailers);
      return trailers;
    },
    used,
    scrub,
  };
}

/** The event of a leak. */
export function leakEvent(
  leak: GondolinError,
  request: AskedRequest,
  context: RequestContext,
  at: { readonly secrets: SecretStore | null; readonly statusCode: number | null },
): NetworkEvent {
  const { secrets, statusCode } = at;
  return {
    kind: 'secret_leak',
    timestampMs: Date.now(),
    ...leakFacts(leak, context, secrets),
    host: context.name,
    port: context.port,
    transport: context.scheme,
    method: request.method,
    url: request.url,
    httpVersion: request.httpVersion,
    requestHeaders: headerList(request.fields),
    statusCode,
  };
}

/** What to do about a leak, for people. */
export function leakAdvice(
  leak: GondolinError,
  context: RequestContext,
  secrets: SecretStore | null,
): string {
  return leakMove(leakFacts(leak, context, secrets));
}

/** Who finds a leak sees a placeholder; which hosts may have its value only the store knows. */
function leakFacts(leak: GondolinError, context: RequestContext, secrets: SecretStore | null) {
  const secret = String(leak.details?.['name'] ?? '');
  const place = leakPlace(String(leak.details?.['where'] ?? ''));
  const reason = secrets?.leakReason(secret, placeOf(context)) ?? 'place';
  return { secret, place, reason };
}

const PLACES: readonly LeakPlace[] = ['path', 'query', 'body', 'trailer', 'websocket', 'tcp'];

function leakPlace(where: string): LeakPlace {
  if (where.startsWith('header')) return 'header';
  return PLACES.find((place) => place === where) ?? 'connection';
}

function placeOf(to: Target): { host: string; port: number; isTls: boolean } {
  return { host: to.name, port: to.port, isTls: to.scheme === 'https' };
}

function leakOf({ name, where }: Pick<SecretLeak, 'name' | 'where' | 'reason'>): GondolinError {
  const message = `the placeholder of secret ${name} was sent where it may not go: ${where}`;
  return new GondolinError('NET_SECRET_LEAK', message, { details: { name, where } });
}

function scanned(body: AsyncIterable<Buffer>, scan: Transform): AsyncIterable<Buffer> {
  // Whoever reads the scan hears of every error; stopping early ends the body's reading too.
  pipeline(Readable.from(body, { objectMode: false }), scan, () => undefined);
  return scan;
}
