import type { HeaderList } from '../secret/header-list.ts';
import type { NetworkEvent } from './network-event.ts';

/** Replaces a value that is a credential by its name. */
export const REDACTED = '[redacted]';

/** Bounds of one written event: characters per text, and headers. */
const MAX_TEXT_LENGTH = 8192;
const MAX_HEADERS = 256;

/** Matches a whole word of the name: `Authorization`, `X-Vault-Token`, `api-key`, `Set-Cookie`. */
const CREDENTIAL_HEADER =
  /(?:^|[-_])(?:auth|authorization|cookie2?|credentials?|jwt|passw(?:or)?d|secret|session(?:-?id)?|signature|token|(?:api|access|auth|private|subscription)-?key|apikey)(?:$|[-_])/i;

/** Matches `access_token`, `X-Amz-Signature`, `sig`, `key`, `code`. */
const CREDENTIAL_PARAMETER =
  /^(?:key|sig|code|state|pwd)$|token|secret|passw(?:or)?d|signature|credential|session|jwt|(?:^|[-_.])auth(?:$|[-_.])|authorization|api[-_]?key|apikey|access[-_]?key/i;

/** Headers whose value is a URL. */
const URL_HEADERS: ReadonlySet<string> = new Set(['location', 'content-location', 'referer']);

function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${text.slice(0, MAX_TEXT_LENGTH)}…`;
}

/** Returns true for a header whose value is a credential by its name. */
export function isCredentialHeader(name: string): boolean {
  return CREDENTIAL_HEADER.test(name);
}

/** Redacts the values of credentials in `name=value&…`, and leaves the rest of the text unchanged. */
function redactQuery(query: string): string {
  return query
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      const name = at < 0 ? pair : pair.slice(0, at);
      return at >= 0 && CREDENTIAL_PARAMETER.test(name) ? `${name}=${REDACTED}` : pair;
    })
    .join('&');
}

/** Returns a URL (untrusted text) without user, password, fragment and the values of credentials in its query. */
export function redactUrl(url: string): string {
  const plain = url.split('#', 1)[0] ?? '';
  const at = plain.indexOf('?');
  const path = at < 0 ? plain : plain.slice(0, at);
  const query = at < 0 ? '' : `?${redactQuery(plain.slice(at + 1))}`;
  return cut(path.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/@]*@/i, '$1//') + query);
}

/** Keeps the scheme of `Bearer abc`: the kind of credential is worth knowing. */
function redactValue(name: string, value: string): string {
  const scheme = /authorization$/i.test(name)
    ? /^[A-Za-z][\w-]{0,30}(?= )/.exec(value)?.[0]
    : undefined;
  return scheme === undefined ? REDACTED : `${scheme} ${REDACTED}`;
}

function redactHeaders(headers: HeaderList): HeaderList {
  return headers.slice(0, MAX_HEADERS).map(([name, value]) => {
    if (isCredentialHeader(name)) return [cut(name), redactValue(name, value)] as const;
    const shown = URL_HEADERS.has(name.toLowerCase()) ? redactUrl(value) : cut(value);
    return [cut(name), shown] as const;
  });
}

/**
 * Returns the event as it may be written to a file: headers and query parameters that are credentials by their name lose
 * their values, whoever they belong to; texts are cut at 8,192 characters and headers at 256.
 */
export function redactEvent(event: NetworkEvent): NetworkEvent {
  if ('requestHeaders' in event) {
    const url = event.url === null ? null : redactUrl(event.url);
    const redacted = { ...event, url, requestHeaders: redactHeaders(event.requestHeaders) };
    return 'responseHeaders' in event
      ? ({ ...redacted, responseHeaders: redactHeaders(event.responseHeaders) } as NetworkEvent)
      : (redacted as NetworkEvent);
  }
  return event.kind === 'ssh_command' ? { ...event, command: cut(event.command) } : event;
}
