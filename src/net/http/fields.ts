/** Header or trailer fields as they are on the wire: name, value, name, value. */
export type Fields = readonly string[];

/** Fields that are about one connection, not about the message (RFC 9110 §7.6.1), and what speaks to a proxy. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
]);

/** Named in `Connection`, these would change what the message means, not how it travels. */
const NEVER_DROPPED: ReadonlySet<string> = new Set(['host', 'content-length', 'content-type']);

/**
 * Fields that no trailer may be (RFC 9110 §6.5.1): length, routing, credentials and format of the message. A server that took
 * them from there would have seen another request than the one that was judged.
 */
export const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'trailer',
  'authorization',
  'cookie',
  'set-cookie',
  'max-forwards',
  'range',
  'cache-control',
]);

/** All values of one field. `name` in lower case. */
export function fieldValues(fields: Fields, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (isNamed(fields[at] ?? '', name)) values.push(fields[at + 1] ?? '');
  }
  return values;
}

/** The first value of one field, or `null`. `name` in lower case. */
export function fieldValue(fields: Fields, name: string): string | null {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (isNamed(fields[at] ?? '', name)) return fields[at + 1] ?? '';
  }
  return null;
}

function isNamed(field: string, name: string): boolean {
  return field.length === name.length && (field === name || field.toLowerCase() === name);
}

/** The fields that travel on: without hop-by-hop ones, what `Connection` names, pseudo fields and `except`. */
export function endToEnd(fields: Fields, except: ReadonlySet<string> = NO_NAMES): string[] {
  const named = connectionTokens(fields);
  const kept: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const field = fields[at] ?? '';
    const name = field.toLowerCase();
    const isDropped =
      name.startsWith(':') || HOP_BY_HOP.has(name) || except.has(name) || named?.has(name) === true;
    if (!isDropped) kept.push(field, fields[at + 1] ?? '');
  }
  return kept;
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** Lower-case options of `Connection`, `null` when the field is not there. */
function connectionTokens(fields: Fields): ReadonlySet<string> | null {
  const values = fieldValues(fields, 'connection');
  if (values.length === 0) return null;
  const tokens = values
    .flatMap((value) => value.toLowerCase().split(','))
    .map((token) => token.trim());
  return new Set(tokens.filter((token) => !NEVER_DROPPED.has(token)));
}

/** Fields of `IncomingHttpHeaders` form, as HTTP/2 gives them, in the flat form; pseudo fields left out. */
export function fromHttp2Headers(
  headers: Readonly<Record<string, string | readonly string[] | number | undefined>>,
): string[] {
  const fields: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) fields.push(name, String(one));
    else fields.push(name, String(value));
  }
  return fields;
}

/** Fields that Node's HTTP/2 takes once only, and throws otherwise. Lists are joined, of the others the first counts. */
const LISTS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'if-match',
  'if-none-match',
]);
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/** Flat fields as the record HTTP/2 takes: lower-case names, repeated ones as lists. */
export function toHttp2Headers(fields: Fields): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = (fields[at] ?? '').toLowerCase();
    const value = fields[at + 1] ?? '';
    const earlier = record[name];
    if (earlier === undefined) record[name] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else if (LISTS.has(name)) record[name] = `${earlier}, ${value}`;
    else if (!SINGLE.has(name)) record[name] = [earlier, value];
  }
  return record;
}

/** Flat fields in pairs. */
export function fieldPairs(fields: Fields): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    pairs.push([fields[at] ?? '', fields[at + 1] ?? '']);
  }
  return pairs;
}

/** Pairs in the flat form. */
export function flatList(list: readonly (readonly [name: string, value: string])[]): string[] {
  return list.flat();
}

/** True when an HTTP/1 head says that a body follows. */
export function announcesBody(fields: Fields): boolean {
  if (fieldValue(fields, 'transfer-encoding') !== null) return true;
  const length = fieldValue(fields, 'content-length');
  return length !== null && Number(length) !== 0;
}
