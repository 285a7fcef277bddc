import type { BlockedUse } from '../../net/audit/network-summary.ts';
import type { Blocked } from '../../net/refusal/refusal.ts';
import {
  leakAdvice,
  reasonText,
  ruleText,
  suggestionText,
} from '../../net/refusal/refusal-text.ts';

/** Describes a private address, which should not be opened lightly; null for any other address. */
function rangeText({ decidedBy, suggest }: Blocked): string | null {
  const range = decidedBy.find((decider) => decider.by === 'range');
  if (range === undefined) return null;
  if (range.name === 'metadata') {
    return `cloud metadata (${range.cidr}), which serves credentials of this machine: do not allow it`;
  }
  const text = `private address (${range.name}, ${range.cidr})`;
  return suggest === null
    ? `${text}: if you intend this, add it to allowed_hosts and allowed_private`
    : text;
}

/** Says why something was refused and, unless YAML follows below, what to do about it. */
export function blockedText({ refusal }: BlockedUse): string {
  const reason = reasonText(refusal);
  if (refusal.kind === 'leak') return `${reason}; ${leakAdvice(refusal)}`;
  const range = rangeText(refusal);
  if (refusal.reason === 'not_allowed') return range === null ? reason : `${reason}; ${range}`;
  if (refusal.reason === 'private_address' && range !== null) return range;
  const rule = ruleText(refusal);
  const suggestion = suggestionText(refusal.suggest);
  const move = suggestion === '' ? '' : `; to allow it: ${suggestion}`;
  return `${reason}${rule === '' ? '' : ` (${rule})`}${move}`;
}
