import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { type Cidr, containsAddress, formatCidr } from '../../address/cidr.ts';
import { type IpAddress, parseAddress } from '../../address/ip-address.ts';
import type { ForbiddenRange } from '../../address/ranges.ts';

type ReadInterfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Interfaces come and go (VPNs, IPv6 privacy addresses), and Node has no event for that. */
const REFRESH_MS = 2_000;
/** A wider block is all that a tunnel routes, not a network that this machine is part of. */
const MIN_PREFIX = { 4: 8, 6: 32 } as const;

interface HostRange extends ForbiddenRange {
  readonly block: Cidr;
}

/**
 * This machine's own addresses and the networks it is part of, public ones included: services there are no more meant
 * for guests than those on 127.0.0.1. Refreshed when older than two seconds.
 */
export class HostAddresses {
  readonly #read: ReadInterfaces;
  readonly #nowMs: () => number;
  #ranges: readonly HostRange[] = [];
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(
    read: ReadInterfaces = networkInterfaces,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#read = read;
    this.#nowMs = nowMs;
  }

  /** Returns why an address is this machine's or a neighbour's (`loopback`, `on-link`), or null. */
  findRange(address: IpAddress): ForbiddenRange | null {
    if (this.#nowMs() - this.#readMs > REFRESH_MS) this.#refresh();
    return this.#ranges.find(({ block }) => containsAddress(block, address)) ?? null;
  }

  #refresh(): void {
    this.#readMs = this.#nowMs();
    const infos = Object.values(this.#read()).flatMap((found) => found ?? []);
    // Own addresses first: the networks contain them.
    this.#ranges = [
      ...infos.flatMap(({ address }) => toRanges(address, null, 'loopback')),
      ...infos.flatMap(({ address, cidr }) => toRanges(address, cidr, 'on-link')),
    ];
  }
}

/** Returns the range of one address, or of its network by `cidr`; empty when neither can be read. */
function toRanges(text: string, cidr: string | null, name: string): HostRange[] {
  const address = parseAddress(text.split('%', 1)[0] ?? '');
  if (address === null) return [];
  const width = address.family === 4 ? 32 : 128;
  const prefix = name === 'loopback' ? width : Number(cidr?.split('/')[1] ?? width);
  if (!(prefix >= MIN_PREFIX[address.family] && prefix <= width)) return [];
  const hostBits = BigInt(width - prefix);
  const base = { ...address, value: (address.value >> hostBits) << hostBits };
  const block = { base, prefix };
  return [{ name, cidr: formatCidr(block), isInternal: true, block }];
}
