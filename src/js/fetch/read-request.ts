import { parseHost } from '../../address/host.ts';
import { formatAddress } from '../../address/ip-address.ts';
import { forbiddenRange } from '../../address/ranges.ts';
import { isLocalhost, isNeverThere } from '../../net/dns/special-names.ts';
import type { Target } from '../../net/http/request-context.ts';
import { decodeValue, list, literal, object, text, tuple } from '../../util/json-decoder.ts';
import { MAX_HEADER_LENGTH, MAX_HEADERS, MAX_URL_LENGTH } from './limits.ts';

const REDIRECTS = ['follow', 'error', 'manual'] as const;

/** A request of `fetch`, checked. */
export interface FetchRequest {
  /** http or https, without a user and a fragment. */
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Null for none. */
  readonly body: Buffer | null;
  readonly redirect: (typeof REDIRECTS)[number];
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Methods that fetch writes in capitals, however they are given. */
const STANDARD_METHODS = /^(?:delete|get|head|options|post|put)$/i;
const FORBIDDEN_METHODS = /^(?:connect|trace|track)$/i;
/** About the connection or the framing, which are the host's. */
const FORBIDDEN_HEADERS =
  /^(?:connection|content-length|expect|host|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;
/** Addresses of the guest itself: nothing listens there. */
const OWN_RANGES: readonly string[] = ['loopback', 'this-network', 'unspecified'];

const storedRequest = object<{
  url: string;
  method: string;
  headers: [string, string][];
  redirect: FetchRequest['redirect'];
}>({
  url: text({ maxLength: MAX_URL_LENGTH }),
  method: text({ pattern: TOKEN }),
  headers: list(tuple<[string, string]>(text(), text()), { maxLength: MAX_HEADERS }),
  redirect: literal(...REDIRECTS),
});

/**
 * Reads what the guest passed to `fetch`.
 * @throws {TypeError} saying what is wrong, for the handler.
 */
export function readFetchRequest(head: unknown, body: unknown, maxBodyBytes: number): FetchRequest {
  const decoded = decodeValue(head, storedRequest);
  if (!decoded.ok) throw new TypeError(`fetch: ${decoded.problem}`);
  const { url, method, headers, redirect } = decoded.value;
  if (FORBIDDEN_METHODS.test(method))
    throw new TypeError(`fetch: the method ${method} is not allowed`);
  return {
    url: readUrl(url),
    method: STANDARD_METHODS.test(method) ? method.toUpperCase() : method,
    headers: readHeaders(headers),
    body: readBody(body, maxBodyBytes),
    redirect,
  };
}

/** @throws {TypeError} */
export function readUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : null;
  if (url === null)
    throw new TypeError(`fetch: ${JSON.stringify(text.slice(0, 200))} is not a URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`fetch: the scheme ${url.protocol} is not supported, use http: or https:`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('fetch: the URL has a user or a password, which belong in a header');
  }
  url.hash = '';
  return url;
}

/**
 * Returns the place that a URL leads to, as the policy judges it.
 * @throws {TypeError} for the guest itself and for what is no host.
 */
export function targetOf({ protocol, hostname, port }: URL): Target {
  const scheme = protocol === 'https:' ? 'https' : 'http';
  const place = {
    scheme,
    port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
  } as const;
  const host = parseHost(hostname);
  const isName = host?.kind === 'name';
  if (host === null || place.port === 0 || (isName && isNeverThere(host.name)))
    throw new TypeError(`fetch: ${hostname} is not a host`);
  const isOwn =
    host.kind === 'name'
      ? isLocalhost(host.name)
      : OWN_RANGES.includes(forbiddenRange(host.address)?.name ?? '');
  if (isOwn) throw new TypeError(`fetch: ${hostname} is the sandbox itself, where nothing listens`);
  return host.kind === 'name'
    ? { ...place, name: host.name, isLiteral: false }
    : { ...place, name: formatAddress(host.address), isLiteral: true };
}

function readHeaders(given: readonly [string, string][]): [string, string][] {
  let length = 0;
  return given.map(([name, value]) => {
    const lower = name.toLowerCase();
    length += name.length + value.length;
    if (!TOKEN.test(name)) throw new TypeError('fetch: a header has a name that is not valid');
    if (FORBIDDEN_HEADERS.test(lower))
      throw new TypeError(`fetch: the header ${lower} is the host's`);
    if (!FIELD_VALUE.test(value))
      throw new TypeError(`fetch: the header ${lower} has an invalid value`);
    if (length > MAX_HEADER_LENGTH) {
      throw new TypeError(`fetch: the headers have more than ${MAX_HEADER_LENGTH} characters`);
    }
    return [lower, value];
  });
}

function readBody(body: unknown, maxBytes: number): Buffer | null {
  if (body === undefined) return null;
  if (!(body instanceof Uint8Array)) throw new TypeError('fetch: the body is not bytes');
  if (body.length > maxBytes) {
    throw new TypeError(
      `fetch: the body has ${body.length} bytes, and the output buffer ${maxBytes}`,
    );
  }
  return Buffer.from(body.buffer, body.byteOffset, body.length);
}
