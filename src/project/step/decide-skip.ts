import type { StepPlan } from '../../plan/plan.ts';
import type { SkipCause } from '../run-event.ts';
import type { StepResult } from '../run-result.ts';

export interface Skip {
  readonly cause: SkipCause;
  readonly reason: string;
}

/** True when the step failed in a way that counts for the run. */
export function hasFailed(result: StepResult): boolean {
  return (result.status === 'failed' || result.status === 'timed-out') && !result.isIgnored;
}

function verb(result: StepResult): string {
  if (result.status === 'skipped') return 'was skipped';
  if (result.status === 'timed-out') return 'timed out';
  return result.status === 'cancelled' ? 'was cancelled' : 'failed';
}

function unmetNeed(step: StepPlan, before: readonly StepResult[]): string | null {
  for (const name of step.needs) {
    const need = before.find((result) => result.name === name);
    if (need === undefined) return `needs ${name}, which is not part of this run`;
    if (need.status !== 'succeeded') return `needs ${name}, which ${verb(need)}`;
  }
  return null;
}

/**
 * Decides whether a step runs. `needs` are checked first, whatever `when` is: each need must have succeeded, and one that
 * failed under `continue_on_error` has not. `when` considers failures that count for the run.
 *
 * @param before The results of the steps before it in the same sandbox.
 * @returns null if the step runs, otherwise the reason why not.
 */
export function decideSkip(step: StepPlan, before: readonly StepResult[]): Skip | null {
  const unmet = unmetNeed(step, before);
  if (unmet !== null) return { cause: 'needs', reason: unmet };
  const failed = before.find(hasFailed);
  if (step.when === 'on_success' && failed !== undefined) {
    return { cause: 'when', reason: `${failed.name} ${verb(failed)}` };
  }
  if (step.when === 'on_failure' && failed === undefined) {
    return { cause: 'when', reason: 'runs only after a failure, and nothing failed' };
  }
  return null;
}
