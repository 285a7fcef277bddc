import { GondolinError } from '../../errors/gondolin-error.ts';
import type { HostPattern } from '../policy/host-pattern.ts';
import { HostPatterns } from '../policy/host-patterns.ts';
import { parseHostPattern } from '../policy/parse-host-pattern.ts';

/**
 * An entry, or null when it is none. The policy's own error shows the entry: of a secret it may be the end of a value
 * that holds an `@`.
 */
function parseEntry(entry: string): HostPattern | null {
  try {
    const pattern = parseHostPattern(entry, { field: 'secrets', defaultPort: 'any' });
    return pattern.host.kind === 'any' || pattern.isTcp ? null : pattern;
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'NET_PATTERN_INVALID') return null;
    throw error;
  }
}

/**
 * Compiles the hosts of a secret: entries as in `allowed_hosts`, but neither `*` nor `/tcp`, and without a port every one.
 * The answer is false for whatever is not listed; its host is untrusted.
 * @throws {GondolinError} NET_SECRET_INVALID when the list is empty or an entry is none; no entry is shown.
 */
export function compileHosts(
  name: string,
  hosts: readonly string[],
): (host: string, port: number) => boolean {
  if (hosts.length === 0) {
    throw new GondolinError('NET_SECRET_INVALID', `Secret ${name}: no host may have it, want one`);
  }
  const patterns = hosts.map((entry, index) => {
    const pattern = parseEntry(entry);
    if (pattern !== null) return pattern;
    throw new GondolinError(
      'NET_SECRET_INVALID',
      `Secret ${name}: host ${index + 1} cannot be used: want example.com, *.example.com or example.com:8443`,
    );
  });
  const list = new HostPatterns(patterns);
  return (host, port) => list.match(host, port) !== null;
}
