import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { GondolinError } from '../../errors/gondolin-error.ts';

interface HostPattern {
  /** Lower case ASCII without a trailing dot or brackets; below it when `isWildcard`. */
  readonly host: string;
  readonly isWildcard: boolean;
  /** null is any. */
  readonly port: number | null;
}

const FORM = /^(\*\.)?(?:\[([\da-fA-F:.]+)\]|([^\s/?#@:*%[\]\\]+))(?::(\d{1,5}))?$/;

/** Lower case, IDN in ASCII, without a trailing dot; empty when it is no name. */
function canonicalHost(text: string): string {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  // An address keeps its form; `_` in a name needs no conversion, and would be refused by it.
  if (isIP(bare) !== 0 || /^[\w.-]+$/.test(bare)) return bare.toLowerCase();
  return domainToASCII(bare);
}

function parsePattern(text: string): HostPattern | null {
  if (isIP(text) === 6) return { host: text.toLowerCase(), isWildcard: false, port: null };
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, star, address, name, portText] = match;
  if (address !== undefined && (isIP(address) !== 6 || star !== undefined)) return null;
  const host = canonicalHost(address ?? name ?? '');
  const port = portText === undefined ? null : Number(portText);
  const isPort = port === null || (port >= 1 && port <= 65_535);
  if (host === '' || !isPort || (star !== undefined && isIP(host) !== 0)) return null;
  return { host, isWildcard: star !== undefined, port };
}

/**
 * Compiles the hosts of a secret: exact names, `*.example.com` for every name below (not the apex), addresses, each with
 * an optional port. The answer is false for whatever is not listed.
 * @throws {GondolinError} NET_SECRET_INVALID when the list is empty or an entry is none of these.
 */
export function compileHosts(
  name: string,
  hosts: readonly string[],
): (host: string, port: number) => boolean {
  if (hosts.length === 0) {
    throw new GondolinError('NET_SECRET_INVALID', `Secret ${name}: no host may have it, want one`);
  }
  const patterns = hosts.map((text, index) => {
    const pattern = parsePattern(text);
    if (pattern !== null) return pattern;
    throw new GondolinError(
      'NET_SECRET_INVALID',
      `Secret ${name}: host ${index + 1} is none: want example.com, *.example.com or example.com:8443`,
    );
  });
  return (host, port) => {
    const wanted = canonicalHost(host);
    return patterns.some(
      (pattern) =>
        (pattern.port === null || pattern.port === port) &&
        (pattern.isWildcard
          ? wanted.endsWith(`.${pattern.host}`) && wanted.length > pattern.host.length + 1
          : wanted === pattern.host),
    );
  };
}
