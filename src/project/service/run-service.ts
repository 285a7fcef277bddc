import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ServicePlan } from '../../plan/plan.ts';
import { type ErrorData, toErrorData } from '../error-data.ts';
import type { ServiceResult } from '../run-result.ts';
import type { ExecutingVm } from '../step/run-attempt.ts';
import { pause } from './pause.ts';
import { RECOVERED_MS, restartPause } from './restart-policy.ts';
import { runLife, type ServiceContext, type ServiceLife } from './service-life.ts';

/** The end of a service, and its error if that is not an exit code. */
export interface ServiceOutcome {
  readonly result: ServiceResult;
  readonly error: ErrorData | null;
  readonly isVmLost: boolean;
}

function outcomeOf(
  { outcome, unhealthy }: ServiceLife,
  { restarts, durationMs }: Pick<ServiceResult, 'restarts' | 'durationMs'>,
  { stop }: ServiceContext,
): ServiceOutcome {
  const { exitCode, signal, isOutOfMemory, isVmLost, status } = outcome;
  // `cancelled`: the grace period was over. `stop` means that whatever happened then was wanted.
  const isStopped = stop.aborted && unhealthy === null && outcome.error === null;
  const isGood = isStopped || (status === 'succeeded' && unhealthy === null);
  const sick =
    unhealthy === null
      ? null
      : toErrorData(new GondolinError('PROJECT_SERVICE_UNHEALTHY', `unhealthy: ${unhealthy}`));
  return {
    result: {
      status: isGood ? 'succeeded' : 'failed',
      exitCode: status === 'cancelled' ? null : exitCode,
      signal,
      isOutOfMemory,
      restarts,
      durationMs,
      isStopped,
    },
    error: sick ?? outcome.error,
    isVmLost: isVmLost && status !== 'cancelled',
  };
}

/** The next thing after the end of a command. */
type Next =
  | { readonly kind: 'end' }
  /** By its restart policy, after a pause. */
  | { readonly kind: 'restart'; readonly pauseMs: number }
  /** Because it was asked for, at once. */
  | { readonly kind: 'asked' };

function whatFollows(
  life: ServiceLife,
  service: ServicePlan,
  { stop, deadline, restarts }: ServiceContext,
  counts: { readonly restarts: number; readonly quickEnds: number },
): Next {
  const { exitCode, error, status } = life.outcome;
  const isOver = stop.aborted || deadline.aborted || error !== null || status === 'cancelled';
  if (isOver || life.unhealthy !== null) return { kind: 'end' };
  if (restarts.signal.aborted) return { kind: 'asked' };
  const pauseMs = restartPause(service, exitCode, counts.restarts, counts.quickEnds);
  return pauseMs === null ? { kind: 'end' } : { kind: 'restart', pauseMs };
}

/** Reports the end of a command that has an exit code. */
async function reportEnd(
  { outcome, durationMs }: ServiceLife,
  next: Next,
  { sandbox, emit, stop }: ServiceContext,
): Promise<void> {
  if (outcome.error !== null) return;
  const { exitCode, signal, isOutOfMemory } = outcome;
  const isStopped = stop.aborted || next.kind === 'asked';
  const pauseMs = next.kind === 'restart' ? next.pauseMs : null;
  const restartInMs = next.kind === 'asked' ? 0 : pauseMs;
  const facts = { exitCode, signal, isOutOfMemory, durationMs, isStopped, restartInMs };
  await emit({ type: 'service-exited', sandbox, ...facts });
}

/** Keeps the command of a service running, by its restart policy and by request, until it is to stop. Never rejects. */
export async function runService(
  vm: ExecutingVm,
  service: ServicePlan,
  context: ServiceContext,
): Promise<ServiceOutcome> {
  const { sandbox, emit, stop, deadline, restarts: requests } = context;
  const over = AbortSignal.any([stop, deadline]);
  const startedAt = performance.now();
  let quickEnds = 0;
  /** Those by policy, of which `on-failure:N` counts; and all. */
  let ownRestarts = 0;
  let restarts = 0;
  // One that was asked for before the first start is done by it.
  requests.take();
  await emit({ type: 'service-started', sandbox });
  for (;;) {
    const life = await runLife(vm, service, context);
    quickEnds = life.durationMs >= RECOVERED_MS ? 0 : quickEnds;
    const next = whatFollows(life, service, context, { restarts: ownRestarts, quickEnds });
    await reportEnd(life, next, context);
    const end = () => {
      const durationMs = Math.round(performance.now() - startedAt);
      return outcomeOf(life, { restarts, durationMs }, context);
    };
    if (next.kind === 'end') return end();
    // What it left running would hold its ports. If that fails, so will the next start, with the reason.
    await life.outcome.sweep().catch(() => undefined);
    if (next.kind === 'restart') {
      quickEnds += 1;
      ownRestarts += 1;
      await pause(next.pauseMs, AbortSignal.any([over, requests.signal]));
    } else quickEnds = 0;
    requests.take();
    if (over.aborted) return end();
    restarts += 1;
    await emit({ type: 'service-restarted', sandbox, restarts });
  }
}
