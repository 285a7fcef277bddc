import type { DependencyCondition } from '../../config/config.ts';
import { DEFAULT_STEP } from '../../config/defaults.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { HealthcheckPlan, ServicePlan, StepCommand, StepPlan } from '../../plan/plan.ts';
import { type ErrorData, toErrorData } from '../error-data.ts';
import type { RunChange } from '../run-event.ts';
import type { ServiceResult } from '../run-result.ts';
import type { RunnerProcess } from '../runner-vm.ts';
import { type AttemptOutcome, type ExecutingVm, runAttempt } from '../step/run-attempt.ts';
import { pause } from './pause.ts';
import { waitUntilHealthy } from './wait-until-healthy.ts';

export interface ServiceContext {
  readonly sandbox: string;
  /** Working directory in the guest. */
  readonly cwd: string;
  /** Aborts when the service is to stop. */
  readonly stop: AbortSignal;
  /** Aborts when the sandbox's `timeout` has passed. */
  readonly deadline: AbortSignal;
  readonly emit: (change: RunChange) => Promise<void>;
  readonly reach: (condition: DependencyCondition) => void;
}

/** The end of a service, and its error if that is not an exit code. */
export interface ServiceOutcome {
  readonly result: ServiceResult;
  readonly error: ErrorData | null;
  readonly isVmLost: boolean;
}

/** Pauses before restarts: they double from the first to the last. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 30_000;
/** A service that ran so long has recovered: its next pause is the first again. */
const RECOVERED_MS = 10_000;
/** Kept of what a check printed, in UTF-16 units. */
const MAX_CHECK_TEXT = 300;

/** One run of the service's command. */
interface Life {
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
  /** The check's last failure, if the run was given up for it. */
  readonly unhealthy: string | null;
}

function stepOf(command: StepCommand, cwd: string, timeoutMs: number | null): StepPlan {
  return { ...DEFAULT_STEP, name: 'run', command, cwd, timeoutMs };
}

/** A VM that remembers the command it started last. */
function tap(vm: ExecutingVm): ExecutingVm & { command(): RunnerProcess | null } {
  let command: RunnerProcess | null = null;
  return {
    ended: vm.ended,
    exec: (argv, options) => {
      command = vm.exec(argv, options);
      return command;
    },
    command: () => command,
  };
}

/** Runs the check once; resolves with null, or with what is wrong. */
async function checkOnce(
  vm: ExecutingVm,
  { command, timeoutMs }: HealthcheckPlan,
  context: { cwd: string; cancel: AbortSignal; deadline: AbortSignal },
): Promise<string | null> {
  let said = '';
  const tapped = tap(vm);
  const outcome = await runAttempt(tapped, stepOf(command, context.cwd, timeoutMs), {
    ...context,
    sink: (_stream, text) => {
      said = (said + text).slice(-MAX_CHECK_TEXT);
    },
    passthrough: null,
  });
  if (outcome.status === 'succeeded') return null;
  // Given up with the service; if the kill fails, the VM ends and takes it along.
  if (outcome.status === 'cancelled') {
    void tapped
      .command()
      ?.kill('SIGKILL', 'tree')
      .catch(() => undefined);
  }
  if (outcome.status === 'timed-out') return `the check took over ${timeoutMs} ms`;
  const why = outcome.error?.message ?? `the check exited ${outcome.exitCode}`;
  const line = said.trim().split('\n').at(-1) ?? '';
  return line === '' ? why : `${why}: ${line}`;
}

/**
 * Runs the command until it ends. When the service is to stop, or is unhealthy, it gets its signal, and after the grace period
 * it is given up: closing the VM kills it.
 */
async function live(vm: ExecutingVm, service: ServicePlan, context: ServiceContext): Promise<Life> {
  const { sandbox, cwd, emit, stop, deadline, reach } = context;
  const startedAt = performance.now();
  const ended = new AbortController();
  const killed = new AbortController();
  let unhealthy: string | null = null;
  const tapped = tap(vm);
  const running = runAttempt(tapped, stepOf(service.command, cwd, null), {
    cancel: killed.signal,
    deadline,
    sink: (stream, text) => emit({ type: 'service-output', sandbox, stream, text }),
    passthrough: null,
  });
  const askToEnd = async () => {
    // The command may have ended by itself, or the guest may have no time for it: the grace period decides.
    await tapped
      .command()
      ?.kill(service.stopSignal, 'group')
      .catch(() => undefined);
  };
  const endInGrace = async () => {
    const grace = pause(service.stopGracePeriodMs, ended.signal);
    void askToEnd();
    await grace;
    killed.abort();
  };
  const onStop = () => void endInGrace();
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  const watchHealth = async () => {
    const { healthcheck } = service;
    if (healthcheck === null) {
      reach('healthy');
      return;
    }
    const lifeOver = AbortSignal.any([ended.signal, stop]);
    const check = () => checkOnce(vm, healthcheck, { cwd, deadline, cancel: lifeOver });
    const health = await waitUntilHealthy(healthcheck, check, lifeOver);
    if (health.kind === 'healthy') {
      const durationMs = Math.round(performance.now() - startedAt);
      await emit({ type: 'service-healthy', sandbox, durationMs });
      reach('healthy');
    }
    if (health.kind === 'unhealthy') {
      unhealthy = health.problem;
      await endInGrace();
    }
  };
  const hasStarted = tapped.command() !== null;
  if (hasStarted) reach('started');
  const watching = hasStarted ? watchHealth() : Promise.resolve();
  try {
    const outcome = await running;
    return { outcome, durationMs: Math.round(performance.now() - startedAt), unhealthy };
  } finally {
    ended.abort();
    stop.removeEventListener('abort', onStop);
    await watching;
  }
}

/** Returns the pause before the next start; null if there is none. */
function restartPause(
  { restart }: ServicePlan,
  exitCode: number,
  restarts: number,
  quickEnds: number,
): number | null {
  if (restart.when === 'no' || (restart.when === 'on-failure' && exitCode === 0)) return null;
  if (restart.maxRestarts !== null && restarts >= restart.maxRestarts) return null;
  return Math.min(FIRST_PAUSE_MS * 2 ** quickEnds, LAST_PAUSE_MS);
}

function outcomeOf(
  { outcome, unhealthy }: Life,
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

/** Keeps the command of a service running, by its restart policy, until it is to stop. Never rejects. */
export async function runService(
  vm: ExecutingVm,
  service: ServicePlan,
  context: ServiceContext,
): Promise<ServiceOutcome> {
  const { sandbox, emit, stop, deadline } = context;
  const over = AbortSignal.any([stop, deadline]);
  let quickEnds = 0;
  const startedAt = performance.now();
  await emit({ type: 'service-started', sandbox });
  for (let restarts = 0; ; restarts += 1) {
    if (restarts > 0) await emit({ type: 'service-restarted', sandbox, restarts });
    const life = await live(vm, service, context);
    const { exitCode, signal, isOutOfMemory, error, status } = life.outcome;
    quickEnds = life.durationMs >= RECOVERED_MS ? 0 : quickEnds;
    const soFar = () => {
      return { restarts, durationMs: Math.round(performance.now() - startedAt) };
    };
    const mayRestart = !over.aborted && error === null && life.unhealthy === null;
    const restartInMs = mayRestart ? restartPause(service, exitCode, restarts, quickEnds) : null;
    if (error === null) {
      const { durationMs } = life;
      const isStopped = stop.aborted;
      const facts = { exitCode, signal, isOutOfMemory, durationMs, isStopped, restartInMs };
      await emit({ type: 'service-exited', sandbox, ...facts });
    }
    if (restartInMs === null || status === 'cancelled') return outcomeOf(life, soFar(), context);
    // What it left running would hold its ports. If that fails, so will the next start, with the reason.
    await life.outcome.sweep().catch(() => undefined);
    quickEnds += 1;
    await pause(restartInMs, over);
    if (over.aborted) return outcomeOf(life, soFar(), context);
  }
}
