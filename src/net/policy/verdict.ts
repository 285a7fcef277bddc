import type { Blocked, BlockReason, Decider, Suggestion } from '../refusal/refusal.ts';

/** The policy lets it through; `rule` names the entry that does. */
export interface Allowed {
  readonly isAllowed: true;
  readonly rule: string;
}

/** The policy refuses. Every text in it is printable and safe to show: names are canonical, paths are quoted. */
export interface Denied extends Blocked {
  readonly isAllowed: false;
}

/** The decision of a policy. */
export type Verdict = Allowed | Denied;

/** An {@link Allowed}. */
export function allow(rule: string): Allowed {
  return { isAllowed: true, rule };
}

/** A {@link Denied}. */
export function deny(
  reason: BlockReason,
  decidedBy: Decider,
  suggest: Suggestion | null = null,
): Denied {
  return { isAllowed: false, kind: 'blocked', reason, decidedBy: [decidedBy], suggest };
}
