import { fieldValue } from '../../net/http/fields.ts';
import type { CallResponse } from './call.ts';
import { MAX_REDIRECTS } from './limits.ts';
import { type FetchRequest, readUrl } from './read-request.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Belong to the origin they were sent to. */
const CREDENTIALS = /^(?:authorization|cookie)$/;
const ABOUT_BODY = /^content-/;

export interface FollowedResponse extends CallResponse {
  readonly url: URL;
  readonly isRedirected: boolean;
}

/**
 * Sends a request, and those that its responses lead to (WHATWG fetch, HTTP-redirect fetch). Each is judged like the first.
 * @param send  Sends one.
 * @throws {TypeError} for more than 20 redirects, or one that is not to be followed.
 */
export async function followRedirects(
  first: FetchRequest,
  send: (request: FetchRequest) => Promise<CallResponse>,
): Promise<FollowedResponse> {
  let request = first;
  for (let count = 0; ; count++) {
    const response = await send(request);
    const location = fieldValue(response.fields, 'location');
    const isFinal =
      !REDIRECTS.has(response.status) || location === null || request.redirect === 'manual';
    if (isFinal) return { ...response, url: request.url, isRedirected: count > 0 };
    if (request.redirect === 'error') throw new TypeError('fetch: the server redirects');
    if (count === MAX_REDIRECTS) throw new TypeError(`fetch: more than ${MAX_REDIRECTS} redirects`);
    request = redirected(request, response.status, readUrl(location, request.url));
  }
}

function redirected(request: FetchRequest, status: number, url: URL): FetchRequest {
  const { method } = request;
  const becomesGet =
    status === 303 ? method !== 'GET' && method !== 'HEAD' : status <= 302 && method === 'POST';
  const isSameOrigin = url.origin === request.url.origin;
  const headers = request.headers.filter(
    ([name]) => !(becomesGet && ABOUT_BODY.test(name)) && (isSameOrigin || !CREDENTIALS.test(name)),
  );
  return becomesGet
    ? { ...request, url, headers, method: 'GET', body: null }
    : { ...request, url, headers };
}
