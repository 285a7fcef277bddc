import type { Policy } from './policy/compile-policy.ts';
import type { Denied } from './policy/verdict.ts';

/** The decisions the data path asks of a policy: pure, the same question has the same answer for a VM's life. */
export type PolicyJudge = Pick<
  Policy,
  'decideConnection' | 'decideRequest' | 'decideAddress' | 'extraHost' | 'isRawPort'
>;

/** A refusal by policy, or by a check of our own: that has a reason no policy has. */
export type Refused = Omit<Denied, 'reason'> & {
  readonly reason: Denied['reason'] | 'name_mismatch';
};
