import { leakMove } from '../../net/audit/leak-move.ts';
import { BLOCK_WORDS, type BlockedUse, blockText } from '../../net/audit/network-summary.ts';

/** The private range that a rule names: `block_private_ips: loopback (127.0.0.0/8)`. */
function rangeOf(rule: string): { readonly name: string; readonly cidr: string } | null {
  const [, name, cidr] = /block_private_ips: (\S+) \((\S+)\)$/.exec(rule) ?? [];
  return name === undefined || cidr === undefined ? null : { name, cidr };
}

/** What is said of an address that nobody should open without a thought; null for another one. */
function rangeText({ rule, suggestion }: BlockedUse): string | null {
  const range = rangeOf(rule);
  if (range === null) return null;
  if (range.name === 'metadata') {
    return `cloud metadata (${range.cidr}), which hands out credentials of this machine: nothing to add`;
  }
  const text = `private address (${range.name}, ${range.cidr})`;
  return suggestion === ''
    ? `${text}: if you mean it, add it to allowed_hosts and allowed_private`
    : text;
}

/** Why something was refused and, where no YAML stands below, what to do about it. */
export function whyText(use: BlockedUse): string {
  const { reason, rule, suggestion, leak } = use;
  if (leak !== null) return `${blockText(use)}; ${leakMove(leak)}`;
  const words = BLOCK_WORDS[reason];
  const range = rangeText(use);
  if (reason === 'not_allowed') return range === null ? words : `${words}; ${range}`;
  if (reason === 'private_address' && range !== null) return range;
  const move = suggestion === '' ? '' : `; to allow it: ${suggestion}`;
  return `${words}${rule === '' ? '' : ` (${rule})`}${move}`;
}
