import type { IpAddress } from '../../address/ip-address.ts';
import { forbiddenRange } from '../../address/ranges.ts';
import type { Denied, Verdict } from './verdict.ts';

/** Returns true for the addresses where cloud machines hand out credentials. A refusal never suggests opening one. */
export function isMetadata(address: IpAddress): boolean {
  return forbiddenRange(address)?.name === 'metadata';
}

/**
 * Adapts the refusal of an address that the guest dialled itself. Programs try addresses of the host's networks unasked:
 * for a private one that `allowed_private` does not open, nothing is suggested and the range is named as well.
 *
 * @param dialled  The verdict on dialling the address.
 */
export function refuseLiteral(refusal: Denied, address: IpAddress, dialled: Verdict): Denied {
  const isClosed = refusal.reason !== 'denied' && !dialled.isAllowed;
  if (!isClosed && !isMetadata(address)) return refusal;
  const further = isClosed && refusal.reason === 'not_allowed' ? dialled.decidedBy : [];
  return { ...refusal, decidedBy: [...refusal.decidedBy, ...further], suggest: null };
}
