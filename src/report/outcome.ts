import type { StepResult } from '../project/run-result.ts';

/** Why a step did not succeed, in a few words; empty for one that did, was skipped or came from a checkpoint. */
export function failureText(step: StepResult): string {
  const ignored = step.isIgnored ? ', ignored by continue_on_error' : '';
  const memory = step.isOutOfMemory ? ', out of memory' : '';
  switch (step.status) {
    case 'succeeded':
    case 'skipped':
      return '';
    case 'cancelled':
      return 'cancelled';
    case 'timed-out':
      return `timed out${ignored}`;
    case 'failed': {
      const signal = step.signal === null ? '' : ` (${step.signal})`;
      const why = step.error === null ? '' : `: ${step.error.code}: ${step.error.message}`;
      return `exit ${step.exitCode}${signal}${memory}${why}${ignored}`;
    }
  }
}

/** True for a step that fails the run. */
export function isFailure({ status, isIgnored }: StepResult): boolean {
  return !isIgnored && (status === 'failed' || status === 'timed-out' || status === 'cancelled');
}
