import { parseHostPattern } from '../../address/parse-host-pattern.ts';

const MAX_HOSTS = 20;
const MAX_URLS = 100_000;

/** Returns the host of an http or https URL as `allowed_hosts` writes it: a name, and its port unless it is the usual one. */
function hostOfUrl(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return null;
  const { pattern } = parseHostPattern(url.host, { allowsTcp: false, allowsWide: false });
  return pattern === undefined ? null : url.host;
}

/**
 * Returns the hosts of the URLs that the first group of `pattern` finds in the text, sorted. A URL with a variable in its host, or
 * that is no URL, is left out, and so are user names and passwords.
 */
export function namedHosts(text: string | null, pattern: RegExp): string[] {
  const hosts = new Set<string>();
  let count = 0;
  for (const [, url = ''] of text?.matchAll(pattern) ?? []) {
    count++;
    const host = hostOfUrl(url.replace(/^(?:sparse|registry)\+/, ''));
    if (host !== null) hosts.add(host);
    if (hosts.size >= MAX_HOSTS || count >= MAX_URLS) break;
  }
  return [...hosts].sort();
}
