import { type Cidr, containsAddress, parseCidr } from './cidr.ts';
import { type IpAddress, unwrapMapped } from './ip-address.ts';

/** A block of addresses that is not part of the public internet. */
export interface ForbiddenRange {
  /** Stable name, used in events, refusals and docs/network.md. */
  readonly name: string;
  readonly cidr: string;
  /**
   * True for networks in which people run services: `block_private_ips: false` and a name in `allowed_private` open them.
   * Only an address or block in `allowed_private` opens the others, and only the exact address opens `metadata`.
   */
  readonly isInternal: boolean;
}

/**
 * The first match wins. Sources: the IANA special-purpose registries of IPv4 and IPv6 (2025), RFC 6890, and the cloud providers'
 * pages about metadata. All of IPv6 outside 2000::/3 ends as `reserved`, so that no range can be forgotten.
 */
const TABLE: readonly (readonly [cidr: string, name: string, isInternal?: 'internal'])[] = [
  ['0.0.0.0/8', 'this-network'],
  ['10.0.0.0/8', 'private', 'internal'],
  ['100.100.100.200', 'metadata'],
  ['100.64.0.0/10', 'shared', 'internal'],
  ['127.0.0.0/8', 'loopback', 'internal'],
  ['168.63.129.16', 'metadata'],
  ['169.254.169.254', 'metadata'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private', 'internal'],
  ['192.0.0.192', 'metadata'],
  ['192.0.0.0/24', 'ietf-protocol'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', '6to4-relay'],
  ['192.168.0.0/16', 'private', 'internal'],
  ['198.18.0.0/15', 'benchmarking', 'internal'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['240.0.0.0/4', 'reserved'],
  ['::', 'unspecified'],
  ['::1', 'loopback', 'internal'],
  ['::/96', 'v4-compatible'],
  ['64:ff9b:1::/48', 'nat64-local'],
  ['100::/64', 'discard'],
  ['100:0:0:1::/64', 'dummy'],
  ['2001::/32', 'teredo'],
  ['2001:2::/48', 'benchmarking', 'internal'],
  ['2001:10::/28', 'orchid'],
  ['2001:20::/28', 'orchid'],
  ['2001::/23', 'ietf-protocol'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['3fff::/20', 'documentation'],
  ['5f00::/16', 'segment-routing'],
  ['fd00:ec2::254', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['fc00::/7', 'unique-local', 'internal'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local'],
  ['ff00::/8', 'multicast'],
  ['::/3', 'reserved'],
  ['4000::/2', 'reserved'],
  ['8000::/1', 'reserved'],
];

interface CompiledRange extends ForbiddenRange {
  readonly block: Cidr;
}

const COMPILED: readonly CompiledRange[] = TABLE.flatMap(([cidr, name, internal]) => {
  const block = parseCidr(cidr);
  return block === null ? [] : [{ name, cidr, isInternal: internal === 'internal', block }];
});

/** NAT64's well-known prefix (RFC 6052): the last 32 bits are the IPv4 address that is actually reached. */
const NAT64: Cidr = { base: { family: 6, value: 0x64_ff9bn << 96n }, prefix: 96 };

/** The rows of the table, in matching order. */
export const FORBIDDEN_RANGES: readonly ForbiddenRange[] = COMPILED.map(
  ({ name, cidr, isInternal }) => ({ name, cidr, isInternal }),
);

/**
 * Returns the range that excludes an address from the public internet, or null for a public address. v4-mapped and NAT64
 * addresses are judged by the IPv4 address inside. Never throws.
 */
export function forbiddenRange(address: IpAddress): ForbiddenRange | null {
  const real = innerAddress(address);
  return FORBIDDEN_RANGES[COMPILED.findIndex(({ block }) => containsAddress(block, real))] ?? null;
}

/** Returns the IPv4 address that a v4-mapped or NAT64 (64:ff9b::/96) address reaches; any other address unchanged. */
export function innerAddress(address: IpAddress): IpAddress {
  if (containsAddress(NAT64, address)) return { family: 4, value: address.value & 0xffffffffn };
  return unwrapMapped(address);
}
