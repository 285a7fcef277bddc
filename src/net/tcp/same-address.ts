import { formatAddress, parseAddress, unwrapMapped } from '../address/ip-address.ts';

/**
 * An address by its value: IPv6 in its shortest form (RFC 5952), a v4-mapped one (`::ffff:192.0.2.7`, which a dual-stack
 * socket dials as IPv4) as IPv4. Any other text stays as it is.
 */
export function canonicalAddress(text: string): string {
  const address = parseAddress(text);
  return address === null ? text : formatAddress(unwrapMapped(address));
}

/** True for two spellings of one address; false where one is none. */
export function isSameAddress(a: string, b: string): boolean {
  return parseAddress(a) !== null && canonicalAddress(a) === canonicalAddress(b);
}
