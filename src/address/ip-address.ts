import { formatIpv4, parseIpv4 } from './ipv4-text.ts';
import { formatIpv6, parseIpv6 } from './ipv6-text.ts';

/** An IP address. `value` has 32 bits for family 4 and 128 for family 6. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

const MAPPED_PREFIX = 0xffffn;

/** Returns the IPv4 address in `::ffff:a.b.c.d`, which a dual-stack socket dials as IPv4; any other address unchanged. */
export function unwrapMapped(address: IpAddress): IpAddress {
  const isMapped = address.family === 6 && address.value >> 32n === MAPPED_PREFIX;
  return isMapped ? { family: 4, value: address.value & 0xffffffffn } : address;
}

/**
 * Parses the strict text of an IPv4 or IPv6 address: no brackets, zone, short or octal form. v4-mapped stays IPv6.
 * @returns null for anything else. Never throws.
 */
export function parseAddress(text: string): IpAddress | null {
  if (text.includes(':')) {
    const value = parseIpv6(text);
    return value === null ? null : { family: 6, value };
  }
  const value = parseIpv4(text);
  return value === null ? null : { family: 4, value: BigInt(value) };
}

/** Returns the canonical text (RFC 5952 for IPv6), without brackets. */
export function formatAddress(address: IpAddress): string {
  return address.family === 4 ? formatIpv4(Number(address.value)) : formatIpv6(address.value);
}

/**
 * Returns one spelling per address: IPv6 in its shortest form, a v4-mapped one (`::ffff:192.0.2.7`, which a dual-stack
 * socket dials as IPv4) as IPv4. Any other text is returned unchanged.
 */
export function canonicalAddress(text: string): string {
  const address = parseAddress(text);
  return address === null ? text : formatAddress(unwrapMapped(address));
}

/** Returns true for two spellings of one address; false if either is not an address. */
export function isSameAddress(a: string, b: string): boolean {
  return parseAddress(a) !== null && canonicalAddress(a) === canonicalAddress(b);
}
