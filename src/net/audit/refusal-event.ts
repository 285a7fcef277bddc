import type { Blocked, Leak } from '../refusal/refusal.ts';
import { ruleText, suggestionText } from '../refusal/refusal-text.ts';
import type { BlockedEvent, SecretLeakEvent } from './network-event.ts';

/** The event of a refusal that counts as blocked. */
export type RefusalEvent = BlockedEvent | SecretLeakEvent;

/** The request or connection that was refused. */
export type RefusedFacts = Omit<
  BlockedEvent,
  'kind' | 'timestampMs' | 'reason' | 'decidedBy' | 'rule' | 'suggest' | 'suggestion'
>;

/** Builds the event of a refusal: its data, and the same in words. */
export function refusalEvent(refusal: Blocked | Leak, facts: RefusedFacts): RefusalEvent {
  const timestampMs = Date.now();
  if (refusal.kind === 'leak') {
    const { secret, place, reason } = refusal;
    return { kind: 'secret_leak', timestampMs, secret, place, reason, ...facts };
  }
  const { reason, decidedBy, suggest } = refusal;
  return {
    kind: 'blocked',
    timestampMs,
    ...facts,
    reason,
    decidedBy,
    rule: ruleText(refusal),
    suggest,
    suggestion: suggestionText(suggest),
  };
}
