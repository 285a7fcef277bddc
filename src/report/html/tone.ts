import type { StepStatus } from '../../project/run-result.ts';

/** Returns the class of the style sheet for a status. */
export function toneOf(status: StepStatus, isIgnored = false): 'good' | 'bad' | 'warn' | 'dim' {
  if (status === 'succeeded') return 'good';
  if (status === 'skipped') return 'dim';
  return isIgnored || status === 'cancelled' ? 'warn' : 'bad';
}
