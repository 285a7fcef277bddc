import { domainToASCII } from 'node:url';
import { formatAddress, type IpAddress, parseAddress, unwrapMapped } from './ip-address.ts';
import { endsInNumber, parseLooseIpv4 } from './ipv4-text.ts';

/** A DNS name in canonical form, or an address (v4-mapped already unwrapped). */
export type Host =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'address'; readonly address: IpAddress };

const MAX_NAME_LENGTH = 253;
/** Longest text parsed, in UTF-16 units: a name of 253 may be longer before IDNA. */
const MAX_TEXT_LENGTH = 1_024;
/** Letters, digits, hyphens inside, and the underscores of real names (`_dmarc`, `my_bucket`): RFC 1034 §3.5, RFC 8552. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const ONLY_ASCII = /^[\x21-\x7e]*$/;
/** Characters that WHATWG forbids in a host: `domainToASCII` would cut or decode at some of them. */
const FORBIDDEN_IN_HOST = /[\p{Cc}\s%#/:<>?@[\\\]^|]/u;

function asciiName(text: string): string | null {
  if (ONLY_ASCII.test(text)) return text.toLowerCase();
  if (FORBIDDEN_IN_HOST.test(text)) return null;
  // IDNA (UTS 46). The result is checked again below: full-width digits become an address.
  return domainToASCII(text).toLowerCase() || null;
}

function bracketed(text: string): Host | null {
  const inside = /^\[([^\]]*)\]$/.exec(text)?.[1] ?? text;
  // A zone only selects an interface of the machine that dials; the address is the same.
  const zone = inside.indexOf('%');
  const address = parseAddress(zone === -1 ? inside : inside.slice(0, zone));
  return address?.family === 6 ? { kind: 'address', address: unwrapMapped(address) } : null;
}

/**
 * Parses a host as the most lenient resolver would, so that an address in any spelling (`127.1`, `0x7f000001`, `[::1]`,
 * `fe80::1%eth0`, full-width digits) is recognized as that address, and a name has one spelling (lower case, IDNA, no
 * trailing dot).
 * @param text  Untrusted: a host without port.
 * @returns null when it is neither: empty, over 253 characters, a bad label, `1.2.3.4.5`. Never throws.
 */
export function parseHost(text: string): Host | null {
  if (text.length === 0 || text.length > MAX_TEXT_LENGTH) return null;
  if (text.includes(':')) return bracketed(text);
  const ascii = asciiName(text);
  if (ascii === null) return null;
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  if (endsInNumber(name)) {
    const value = parseLooseIpv4(name);
    return value === null
      ? null
      : { kind: 'address', address: { family: 4, value: BigInt(value) } };
  }
  if (name.length > MAX_NAME_LENGTH) return null;
  return name.split('.').every((label) => LABEL.test(label)) ? { kind: 'name', name } : null;
}

/** Returns the canonical text of a host: the name, or the address (IPv6 without brackets). */
export function formatHost(host: Host): string {
  return host.kind === 'name' ? host.name : formatAddress(host.address);
}
