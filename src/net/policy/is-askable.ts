import type { Blocked } from '../refusal/refusal.ts';

/**
 * Returns true for a refusal that the user may lift by an answer: no entry names the host, and one could. Private addresses that
 * the guest dials, metadata services, denials and rules are no such refusals.
 */
export function isAskable({ reason, suggest }: Blocked): boolean {
  return reason === 'not_allowed' && suggest !== null;
}
