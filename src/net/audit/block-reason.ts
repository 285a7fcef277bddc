import type { BlockReason } from './network-event.ts';

const REASONS: readonly BlockReason[] = [
  'mode_none',
  'denied',
  'not_allowed',
  'rule',
  'private_address',
  'name_mismatch',
  'hook',
  'protocol',
];

/** The reason of a verdict or a refusal as events name it; `null`: nothing policy refused (a server failed). */
export function blockReason(reason: string): BlockReason | null {
  if (reason === 'invalid_host') return 'protocol';
  return REASONS.find((known) => known === reason) ?? null;
}
