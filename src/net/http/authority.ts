import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { canonicalAddress, isSameAddress } from '../../address/ip-address.ts';

/** The host and port a request names. */
export interface Authority {
  /** Lower-case ASCII name without trailing dot, or an IP address without brackets. */
  readonly host: string;
  /** 1..65535; `null` when none is written. */
  readonly port: number | null;
}

const MAX_AUTHORITY_CHARS = 300;

/**
 * Reads `host[:port]` of a Host field, an `:authority` or an absolute target (RFC 9110 §4.2, RFC 3986 §3.2).
 *
 * @param text  Untrusted.
 * @returns `null` for anything else: userinfo, an empty host, characters no name has, a port out of range.
 */
export function readAuthority(text: string): Authority | null {
  if (text.length > MAX_AUTHORITY_CHARS) return null;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:@/?#[\]\\%]+))(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return null;
  const [, literal, name, digits] = match;
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  const host = literal === undefined ? readName(name ?? '') : readIpv6(literal);
  return host === null ? null : { host, port };
}

function readIpv6(literal: string): string | null {
  return isIP(literal) === 6 ? canonicalAddress(literal) : null;
}

function readName(name: string): string | null {
  if (isIP(name) === 4) return name;
  const ascii = domainToASCII(name).replace(/\.$/, '');
  // URL rules turn forms such as 0x7f.1 into an address: what was written is not what was meant.
  if (ascii === '' || (isIP(ascii) !== 0 && ascii !== name)) return null;
  return ascii;
}

/** True when the authority names that host, and that port or none where it is the scheme's own. */
export function agrees(
  authority: Authority,
  to: { readonly name: string; readonly port: number; readonly scheme: 'http' | 'https' },
): boolean {
  const port = authority.port ?? (to.scheme === 'https' ? 443 : 80);
  return sameHost(authority.host, to.name) && port === to.port;
}

/** Compares a normalised host with a captured name or address. */
export function sameHost(host: string, name: string): boolean {
  return host === name || isSameAddress(host, name);
}

/** Writes a destination as a request names it: with the port only where it is not the scheme's own. */
export function writeAuthority(to: {
  readonly name: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
}): string {
  const host = isIP(to.name) === 6 ? `[${to.name}]` : to.name;
  return to.port === (to.scheme === 'https' ? 443 : 80) ? host : `${host}:${to.port}`;
}
