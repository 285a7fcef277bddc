import { parseHostPattern } from '../../address/parse-host-pattern.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { HostPatterns } from '../policy/host-patterns.ts';
import type { ListedPattern } from '../policy/listed-pattern.ts';

/** Reads an entry, or returns null. The entry itself may be the end of a secret that contains an `@`: it is never shown. */
function readEntry(entry: string): ListedPattern | null {
  const { pattern } = parseHostPattern(entry, { allowsAny: false, allowsTcp: false });
  return pattern === undefined ? null : { ...pattern, entry, port: pattern.port ?? 'any' };
}

/**
 * Compiles the hosts of a secret: entries as in `allowed_hosts`, except `*` and `/tcp`; an entry without a port covers every
 * port. The returned test takes an untrusted host, and is false for whatever is not listed.
 * @throws {GondolinError} NET_SECRET_INVALID when the list is empty or an entry cannot be used; no entry is shown.
 */
export function compileHosts(
  name: string,
  hosts: readonly string[],
): (host: string, port: number) => boolean {
  if (hosts.length === 0) {
    throw new GondolinError(
      'NET_SECRET_INVALID',
      `Secret ${name}: its list of hosts is empty, want at least one host`,
    );
  }
  const patterns = hosts.map((entry, index) => {
    const pattern = readEntry(entry);
    if (pattern !== null) return pattern;
    throw new GondolinError(
      'NET_SECRET_INVALID',
      `Secret ${name}: host ${index + 1} cannot be used: want example.com, *.example.com or example.com:8443`,
    );
  });
  const list = new HostPatterns(patterns);
  return (host, port) => list.match(host, port) !== null;
}
