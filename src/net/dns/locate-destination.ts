import { isIP } from 'node:net';
import { canonicalAddress } from '../../address/ip-address.ts';
import type { Destination } from '../destination.ts';
import type { SyntheticAddresses } from './synthetic-addresses.ts';

/**
 * Returns the destination that a guest means. Null for a made-up address without a name, and for anything that is not an address.
 * @param at  Untrusted.
 */
export function locateDestination(
  pool: SyntheticAddresses,
  { address, port }: { readonly address: string; readonly port: number },
): Destination | null {
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (!isPort || isIP(address) === 0 || address.includes('%')) return null;
  if (!pool.owns(address)) {
    return { name: canonicalAddress(address), isLiteral: true, port };
  }
  const name = pool.findName(address);
  return name === null ? null : { name, isLiteral: false, port };
}
