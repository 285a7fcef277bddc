import { formatAddress, type IpAddress, parseAddress, unwrapMapped } from './ip-address.ts';

/** Bits of `::ffff:0:0/96`. */
const MAPPED_PREFIX_BITS = 96;

/** A block of addresses; the bits of `base` after `prefix` are 0. */
export interface Cidr {
  readonly base: IpAddress;
  /** Leading bits that count, 0..32 or 0..128. */
  readonly prefix: number;
}

/** Returns the number of bits in an address of the family. */
function addressBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/**
 * Parses `address/prefix`, or one address (all its bits). Bits after the prefix must be 0: `10.0.0.1/8` is a mistake, not 10/8.
 * @returns null for anything else. Never throws.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const base = parseAddress(slash === -1 ? text : text.slice(0, slash));
  if (base === null) return null;
  const width = addressBits(base.family);
  if (slash === -1) return { base, prefix: width };
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > width) return null;
  const prefix = Number(digits);
  const hostBits = BigInt(width - prefix);
  return (base.value >> hostBits) << hostBits === base.value ? { base, prefix } : null;
}

/** Returns true when the block contains the address. Families never mix: unwrap v4-mapped addresses first. */
export function containsAddress({ base, prefix }: Cidr, address: IpAddress): boolean {
  if (base.family !== address.family) return false;
  const hostBits = BigInt(addressBits(base.family) - prefix);
  return base.value >> hostBits === address.value >> hostBits;
}

/** Returns the IPv4 block inside a v4-mapped one (`::ffff:10.0.0.0/104`), which hosts are compared with; any other unchanged. */
export function unwrapMappedCidr({ base, prefix }: Cidr): Cidr {
  const inner = prefix >= MAPPED_PREFIX_BITS ? unwrapMapped(base) : base;
  return inner === base ? { base, prefix } : { base: inner, prefix: prefix - MAPPED_PREFIX_BITS };
}

/** Returns true when the block is one address. */
export function isSingleAddress({ base, prefix }: Cidr): boolean {
  return prefix === addressBits(base.family);
}

/** Formats a block as `address/prefix`, or as the address alone for a block of one. */
export function formatCidr(cidr: Cidr): string {
  const base = formatAddress(cidr.base);
  return isSingleAddress(cidr) ? base : `${base}/${cidr.prefix}`;
}
