import type { StepPlan } from '../../plan/plan.ts';
import { toErrorData } from '../error-data.ts';
import { newOutputPath, OUTPUT_VARIABLE, readOutputs } from '../outputs/read-outputs.ts';
import { resolveStep } from '../outputs/resolve-plan.ts';
import type { RunOutputs } from '../outputs/run-outputs.ts';
import type { RunChange } from '../run-event.ts';
import type { StepResult } from '../run-result.ts';
import type { Passthrough, RunnerVm } from '../runner-vm.ts';
import { type AttemptOutcome, failedAttempt, runAttempt } from './run-attempt.ts';

export interface StepContext {
  readonly sandbox: string;
  readonly cancel: AbortSignal;
  /** Aborts when the sandbox's `timeout` has passed. */
  readonly deadline: AbortSignal;
  readonly emit: (change: RunChange) => Promise<void>;
  readonly passthrough: Passthrough | null;
  readonly outputs: RunOutputs;
  /** Whether what the step writes to `$GONDOLIN_OUTPUT` is read. */
  readonly isOutputRead: boolean;
}

function mayRetry(outcome: AttemptOutcome, context: StepContext): boolean {
  const hasFailed = outcome.status === 'failed' || outcome.status === 'timed-out';
  return (
    hasFailed &&
    outcome.mayRetry &&
    !outcome.isVmLost &&
    !context.deadline.aborted &&
    !context.cancel.aborted
  );
}

/** Reads the outputs of an attempt that has ended, which fails if they are wrong and it did not fail by itself. */
async function keepOutputs(
  vm: RunnerVm,
  { name }: StepPlan,
  path: string,
  outcome: AttemptOutcome,
  { sandbox, outputs, cancel, deadline, emit }: StepContext,
): Promise<AttemptOutcome> {
  try {
    const signal = AbortSignal.any([cancel, deadline]);
    outputs.set(sandbox, name, await readOutputs(vm, name, path, signal));
    return outcome;
  } catch (error) {
    // Nothing that comes later needs them.
    if (cancel.aborted || deadline.aborted) return outcome;
    const data = toErrorData(error);
    if (outcome.status === 'succeeded') {
      return { ...outcome, status: 'failed', exitCode: data.exit, error: data };
    }
    await emit({ type: 'warning', sandbox, message: data.message });
    return outcome;
  }
}

async function attemptOnce(
  vm: RunnerVm,
  step: StepPlan,
  attempt: number,
  context: StepContext,
): Promise<AttemptOutcome> {
  const { sandbox, emit, passthrough, outputs, isOutputRead } = context;
  let known: StepPlan;
  try {
    known = resolveStep(step, (reference) => outputs.get(reference));
  } catch (error) {
    return failedAttempt(error);
  }
  const path = newOutputPath();
  const env = passthrough === null ? { ...known.env, [OUTPUT_VARIABLE]: path } : known.env;
  const outcome = await runAttempt(
    vm,
    { ...known, env },
    {
      ...context,
      sink: (stream, text) =>
        emit({ type: 'step-output', sandbox, step: step.name, attempt, stream, text }),
    },
  );
  const hasEnded = outcome.status === 'succeeded' || outcome.status === 'failed';
  if (!isOutputRead || !hasEnded || outcome.isVmLost) return outcome;
  return keepOutputs(vm, step, path, outcome, context);
}

/**
 * Runs a step, and runs it again after a failure while it has retries left. Before a retry, processes that the failed
 * attempt left running are killed, so that each attempt finds its ports free.
 */
export async function runStep(
  vm: RunnerVm,
  step: StepPlan,
  context: StepContext,
): Promise<{ result: StepResult; isVmLost: boolean }> {
  const { sandbox, emit } = context;
  const attempts = step.retries + 1;
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    const attemptAt = performance.now();
    await emit({ type: 'step-started', sandbox, step: step.name, attempt, attempts });
    const outcome = await attemptOnce(vm, step, attempt, context);
    const { status, exitCode, signal, isOutOfMemory, error, isVmLost } = outcome;
    const willRetry = attempt < attempts && mayRetry(outcome, context);
    const isIgnored = step.continueOnError && status !== 'succeeded' && status !== 'cancelled';
    const shared = { status, exitCode, signal, isOutOfMemory, error, isIgnored };
    const durationMs = Math.round(performance.now() - attemptAt);
    await emit({
      type: 'step-finished',
      sandbox,
      step: step.name,
      attempt,
      ...shared,
      durationMs,
      willRetry,
    });
    if (!willRetry) {
      const total = Math.round(performance.now() - startedAt);
      const reason = status === 'cancelled' ? 'the run was cancelled' : null;
      const times = { attempts: attempt, durationMs: total };
      const result = { name: step.name, ...shared, ...times, reason, isCached: false };
      return { result, isVmLost };
    }
    await outcome.sweep();
  }
}
