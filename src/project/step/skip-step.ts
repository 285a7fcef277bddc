import type { SandboxPlan, StepPlan } from '../../plan/plan.ts';
import { NOT_RUN } from '../run-result.ts';
import {
  NO_RUNNING_VM,
  type SandboxContext,
  type SandboxProgress,
  stopReason,
} from '../sandbox-progress.ts';
import type { Skip } from './decide-skip.ts';

/** Returns the result of a step that does not run, and announces it. */
export async function skipStep(
  sandbox: SandboxPlan,
  step: StepPlan,
  why: Skip,
  context: SandboxContext,
) {
  await context.emit({ type: 'step-skipped', sandbox: sandbox.name, step: step.name, ...why });
  const status = why.cause === 'cancelled' ? 'cancelled' : 'skipped';
  return {
    ...NOT_RUN,
    name: step.name,
    status,
    exitCode: null,
    reason: why.reason,
    isCached: false,
  } as const;
}

/** Adds the result of every step that was not reached. */
export async function skipRest(
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  context: SandboxContext,
): Promise<void> {
  for (const step of sandbox.steps.slice(progress.steps.length)) {
    const why = stopReason(progress, context.cancel) ?? NO_RUNNING_VM;
    progress.steps.push(await skipStep(sandbox, step, why, context));
  }
}
