import type { HeaderList } from '../secret/header-list.ts';
import type { NetworkEvent, ResponseEvent, SandboxNetworkEvent } from './network-event.ts';
import { REDACTED, redactEvent } from './redact-event.ts';

/** HAR's value for an unknown size. */
const UNKNOWN = -1;
/** HAR's value for a phase that does not apply. */
const NONE = -1;

/** A request that the policy or the leak check refused. */
type Refused = Extract<NetworkEvent, { kind: 'blocked' | 'secret_leak' }>;

/** Events that a HAR has an entry for. */
export type HarEvent = ResponseEvent | Refused;

/** Returns true for events with an entry in a HAR: requests that ended or were refused. */
export function isHarEvent(event: NetworkEvent): event is HarEvent {
  if (event.kind === 'response') return true;
  return (event.kind === 'blocked' || event.kind === 'secret_leak') && event.method !== null;
}

interface NameValue {
  readonly name: string;
  readonly value: string;
}

function toHarHeaders(headers: HeaderList): NameValue[] {
  return headers.map(([name, value]) => ({ name, value }));
}

function findHeader(headers: HeaderList, wanted: string): string {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? '';
}

/** Returns the names of cookies; their values are never written. */
function toHarCookies(headers: HeaderList, header: 'cookie' | 'set-cookie'): NameValue[] {
  const texts = headers.filter(([name]) => name.toLowerCase() === header).map(([, text]) => text);
  const pairs = header === 'cookie' ? texts.flatMap((text) => text.split(';')) : texts;
  return pairs
    .map((pair) => pair.split('=', 1)[0]?.trim() ?? '')
    .filter((name) => name !== '')
    .map((name) => ({ name: name.slice(0, 256), value: REDACTED }));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    // Not a valid encoding: shown unchanged.
    return text;
  }
}

function toHarQuery(url: string): NameValue[] {
  const at = url.indexOf('?');
  if (at < 0 || at === url.length - 1) return [];
  return url
    .slice(at + 1)
    .split('&')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return { name: decode(name), value: decode(value.join('=')) };
    });
}

function toHarRequest(event: HarEvent, cookies: readonly NameValue[], bodySize: number) {
  const url = event.url ?? '';
  return {
    method: event.method ?? '',
    url,
    httpVersion: event.httpVersion ?? '',
    cookies,
    headers: toHarHeaders(event.requestHeaders),
    queryString: toHarQuery(url),
    headersSize: UNKNOWN,
    bodySize,
  };
}

function responseEntry(raw: ResponseEvent, sandbox: string) {
  const event = redactEvent(raw) as ResponseEvent;
  const durationMs = Math.max(0, event.durationMs);
  const wait = Math.min(Math.max(0, event.waitMs ?? durationMs), durationMs);
  const cookies = toHarCookies(raw.requestHeaders, 'cookie');
  const mimeType = findHeader(event.responseHeaders, 'content-type');
  const notes = [
    event.error === null ? '' : `failed: ${event.error}`,
    event.secrets.length === 0 ? '' : `secrets put in: ${event.secrets.join(', ')}`,
  ].filter((note) => note !== '');
  return {
    startedDateTime: new Date(event.startedMs).toISOString(),
    time: durationMs,
    request: toHarRequest(event, cookies, event.requestBytes),
    response: {
      status: event.statusCode,
      statusText: event.statusText,
      httpVersion: event.statusCode === 0 ? '' : event.httpVersion,
      cookies: toHarCookies(raw.responseHeaders, 'set-cookie'),
      headers: toHarHeaders(event.responseHeaders),
      content: { size: event.responseBytes, mimeType: mimeType || 'x-unknown' },
      redirectURL: findHeader(event.responseHeaders, 'location'),
      headersSize: UNKNOWN,
      bodySize: event.responseBytes,
    },
    cache: {},
    timings: {
      blocked: NONE,
      dns: NONE,
      connect: NONE,
      send: 0,
      wait,
      receive: durationMs - wait,
      ssl: NONE,
    },
    ...(event.address === null ? {} : { serverIPAddress: event.address }),
    connection: String(event.connectionId),
    ...(notes.length === 0 ? {} : { comment: notes.join('; ') }),
    _sandbox: sandbox,
  };
}

function refusedEntry(raw: Refused, sandbox: string) {
  const event = redactEvent(raw) as Refused;
  const why =
    event.kind === 'blocked'
      ? `${event.reason} (${event.rule})`
      : `placeholder of secret ${event.secret} in its ${event.place}`;
  return {
    startedDateTime: new Date(event.timestampMs).toISOString(),
    time: 0,
    request: toHarRequest(event, toHarCookies(raw.requestHeaders, 'cookie'), UNKNOWN),
    response: {
      status: event.statusCode ?? 0,
      statusText: event.statusCode === 403 ? 'Forbidden' : '',
      httpVersion: event.statusCode === null ? '' : (event.httpVersion ?? ''),
      cookies: [],
      headers: [],
      content: { size: 0, mimeType: 'x-unknown' },
      redirectURL: '',
      headersSize: UNKNOWN,
      bodySize: UNKNOWN,
    },
    cache: {},
    timings: { blocked: NONE, dns: NONE, connect: NONE, send: 0, wait: 0, receive: 0, ssl: NONE },
    comment: `refused by gondolin: ${why}`,
    _sandbox: sandbox,
  };
}

/**
 * Returns one entry of a HAR's log, without credentials. Bodies are not kept: `content` has their size and type.
 * @see HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/
 */
export function toHarEntry({ sandbox, event }: SandboxNetworkEvent & { readonly event: HarEvent }) {
  return event.kind === 'response' ? responseEntry(event, sandbox) : refusedEntry(event, sandbox);
}
