import { isIP } from 'node:net';

/** An address as Node writes it: IPv6 in its shortest form (RFC 5952). Any other text stays as it is. */
export function canonicalAddress(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** True for two spellings of one address. */
export function isSameAddress(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && canonicalAddress(a) === canonicalAddress(b));
}
