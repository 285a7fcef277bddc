import type { IpAddress } from '../../address/ip-address.ts';
import { forbiddenRange } from '../../address/ranges.ts';
import type { Denied, Verdict } from './verdict.ts';

/** True for the addresses where cloud machines hand out their credentials. Opening one is never suggested. */
export function isMetadata(address: IpAddress): boolean {
  return forbiddenRange(address)?.name === 'metadata';
}

/**
 * The refusal of an address that the guest dialled itself. Programs try addresses of the host's own networks that nobody
 * meant: where it is private and `allowed_private` does not open it, nothing is suggested and the rule says so too.
 *
 * @param dialled  What is said of dialling the address.
 */
export function refuseLiteral(refusal: Denied, address: IpAddress, dialled: Verdict): Denied {
  const isClosed = refusal.reason !== 'denied' && !dialled.isAllowed;
  if (!isClosed && !isMetadata(address)) return refusal;
  const further = isClosed && refusal.reason === 'not_allowed' ? dialled.decidedBy : [];
  return { ...refusal, decidedBy: [...refusal.decidedBy, ...further], suggest: null };
}
