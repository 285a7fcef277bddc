import { GondolinError } from '../../errors/gondolin-error.ts';
import type { StepPlan } from '../../plan/plan.ts';
import type { SavedStep } from '../checkpoint/checkpoint-facts.ts';
import { NOT_RUN, type StepResult } from '../run-result.ts';
import type { RunnerVm } from '../runner-vm.ts';
import type { StepContext } from './run-step.ts';
import { watchForStop } from './stop-causes.ts';

/** Reports a step that ran before the restored checkpoint was taken, and returns its result. */
export async function passCachedStep(
  step: StepPlan,
  saved: SavedStep,
  { sandbox, emit, outputs }: StepContext,
): Promise<StepResult> {
  const { status, exitCode, reason } = saved;
  if (status === 'succeeded') outputs.set(sandbox, step.name, saved.outputs);
  if (status === 'skipped') {
    const why = { cause: 'when', reason: reason ?? 'was skipped' } as const;
    await emit({ type: 'step-skipped', sandbox, step: step.name, ...why });
  } else {
    await emit({ type: 'step-cached', sandbox, step: step.name });
  }
  return {
    ...NOT_RUN,
    name: step.name,
    status,
    exitCode,
    reason,
    isCached: status === 'succeeded',
  };
}

/**
 * Saves a checkpoint after step `index`. A failure is only a warning, because the run has its result. A cancel or the
 * sandbox's timeout does not wait for the save to finish; closing the VM does.
 */
export async function saveAfterStep(
  vm: RunnerVm,
  index: number,
  results: readonly StepResult[],
  { sandbox, emit, cancel, deadline, outputs }: StepContext,
): Promise<void> {
  const step = results[index]?.name ?? '';
  const startedAt = performance.now();
  const watch = watchForStop({ cancel, deadline, timeoutMs: null });
  const written = results.map(({ name }) => outputs.get({ sandbox, step: name }) ?? {});
  const saving = vm.saveCheckpoint(index, results, written).catch((error: unknown) => {
    // An expected error or one of the system; anything else is a bug.
    const isRefused = GondolinError.is(error) || (error instanceof Error && 'syscall' in error);
    if (isRefused) return { kind: 'failed', reason: error.message } as const;
    throw error;
  });
  try {
    const outcome = await Promise.race([saving, watch.stopped]);
    if (typeof outcome === 'string') {
      saving.catch(() => undefined);
      return;
    }
    if (outcome.kind === 'saved') {
      const durationMs = Math.round(performance.now() - startedAt);
      const { diskBytes } = outcome;
      await emit({ type: 'checkpoint-saved', sandbox, step, durationMs, diskBytes });
    } else if (outcome.kind === 'failed' || outcome.kind === 'skipped') {
      const [reason = ''] = outcome.reason.split('\n');
      await emit({ type: 'warning', sandbox, message: `${step} was not saved: ${reason}` });
    }
  } finally {
    watch.dispose();
  }
}
