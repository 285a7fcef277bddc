import type { DependencyCondition } from '../../config/config.ts';
import { DEFAULT_STEP } from '../../config/defaults.ts';
import type { HealthcheckPlan, ServicePlan, StepCommand, StepPlan } from '../../plan/plan.ts';
import type { RunChange } from '../run-event.ts';
import type { RunnerProcess } from '../runner-vm.ts';
import {
  type AttemptOutcome,
  type ExecutingVm,
  KILL_LIMIT_MS,
  runAttempt,
} from '../step/run-attempt.ts';
import { imageCommand } from './image-command.ts';
import { pause } from './pause.ts';
import type { RestartRequests } from './restart-requests.ts';
import { graceOf } from './stop-request.ts';
import { waitUntilHealthy } from './wait-until-healthy.ts';

export interface ServiceContext {
  readonly sandbox: string;
  /** Working directory in the guest. */
  readonly cwd: string;
  /** Aborts when the service is to stop; its reason may be a `StopRequest`. */
  readonly stop: AbortSignal;
  /** Aborts when the sandbox's `timeout` has passed. */
  readonly deadline: AbortSignal;
  readonly restarts: RestartRequests;
  readonly emit: (change: RunChange) => Promise<void>;
  readonly reach: (condition: DependencyCondition) => void;
}

/** One run of the service's command. */
export interface ServiceLife {
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
  /** The check's last failure, if the run was given up for it. */
  readonly unhealthy: string | null;
}

/** Kept of what a check printed, in UTF-16 units. */
const MAX_CHECK_TEXT = 300;

function stepOf(command: StepCommand, cwd: string, timeoutMs: number | null): StepPlan {
  return { ...DEFAULT_STEP, name: 'run', command, cwd, timeoutMs };
}

/** A VM that remembers the command it started last. @param isAside  It is not the VM's own command. */
function tap(vm: ExecutingVm, isAside: boolean): ExecutingVm & { command(): RunnerProcess | null } {
  let command: RunnerProcess | null = null;
  return {
    ended: vm.ended,
    ...(vm.shell === undefined ? {} : { shell: vm.shell }),
    container: vm.container ?? null,
    exec: (argv, options) => {
      command = vm.exec(argv, { ...options, isAside });
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
  const tapped = tap(vm, true);
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

/** Kills the command with all its processes. Resolves when it has ended, or the guest takes too long. */
async function killCommand(command: RunnerProcess | null, ended: AbortSignal): Promise<void> {
  const limit = pause(KILL_LIMIT_MS, ended);
  // If the kill fails, the limit decides.
  void command?.kill('SIGKILL', 'tree').catch(() => undefined);
  await limit;
}

/** Ends a command: it gets the service's signal, and after the grace period it is killed. */
class CommandEnd {
  readonly #command: () => RunnerProcess | null;
  readonly #service: ServicePlan;
  readonly #ended: AbortSignal;
  readonly #giveUp: () => void;

  /**
   * @param ended   Aborts when the command has ended.
   * @param giveUp  Leaves the command to the end of its VM.
   */
  constructor(
    command: () => RunnerProcess | null,
    service: ServicePlan,
    ended: AbortSignal,
    giveUp: () => void,
  ) {
    this.#command = command;
    this.#service = service;
    this.#ended = ended;
    this.#giveUp = giveUp;
  }

  /** For good: closing the VM kills what does not end in time, sooner than the guest could. */
  async forGood(graceMs: number): Promise<void> {
    await this.#ask(graceMs);
    this.#giveUp();
  }

  /** To start it again: the VM must survive. */
  async forRestart(graceMs: number): Promise<void> {
    await this.#ask(graceMs);
    if (!this.#ended.aborted) await killCommand(this.#command(), this.#ended);
    if (!this.#ended.aborted) this.#giveUp();
  }

  async #ask(graceMs: number): Promise<void> {
    const grace = pause(graceMs, this.#ended);
    // The command may have ended by itself, or the guest may have no time for it: the grace period decides.
    void this.#command()
      ?.kill(this.#service.stopSignal, 'group')
      .catch(() => undefined);
    await grace;
  }
}

/** Checks the service until it is healthy. @returns the problem of one that stays unhealthy. */
async function watchHealth(
  vm: ExecutingVm,
  { healthcheck }: ServicePlan,
  { sandbox, cwd, deadline, emit, reach }: ServiceContext,
  over: AbortSignal,
): Promise<string | null> {
  if (healthcheck === null) {
    reach('healthy');
    return null;
  }
  const startedAt = performance.now();
  const check = () => checkOnce(vm, healthcheck, { cwd, deadline, cancel: over });
  const health = await waitUntilHealthy(healthcheck, check, over);
  if (health.kind === 'healthy') {
    const durationMs = Math.round(performance.now() - startedAt);
    await emit({ type: 'service-healthy', sandbox, durationMs });
    reach('healthy');
  }
  return health.kind === 'unhealthy' ? health.problem : null;
}

/**
 * Runs the command until it ends. When the service is to stop or to restart, or is unhealthy, it gets its signal, and after the
 * grace period it is killed.
 */
export async function runLife(
  vm: ExecutingVm,
  service: ServicePlan,
  context: ServiceContext,
): Promise<ServiceLife> {
  const { sandbox, cwd, emit, stop, deadline, reach } = context;
  const restart = context.restarts.signal;
  const startedAt = performance.now();
  const ended = new AbortController();
  const killed = new AbortController();
  const tapped = tap(vm, false);
  const running = runAttempt(
    tapped,
    stepOf(imageCommand(service.command, vm.container), cwd, null),
    {
      cancel: killed.signal,
      deadline,
      sink: (stream, text) => emit({ type: 'service-output', sandbox, stream, text }),
      passthrough: null,
    },
  );
  const end = new CommandEnd(tapped.command, service, ended.signal, () => killed.abort());
  const ownMs = service.stopGracePeriodMs;
  const onStop = () => void end.forGood(graceOf(stop, ownMs));
  const onRestart = () => void end.forRestart((restart.reason as number | null) ?? ownMs);
  const listening = { signal: ended.signal };
  stop.addEventListener('abort', onStop, listening);
  restart.addEventListener('abort', onRestart, listening);
  if (stop.aborted) onStop();
  else if (restart.aborted) onRestart();
  const hasStarted = tapped.command() !== null;
  if (hasStarted) reach('started');
  let unhealthy: string | null = null;
  const watch = async () => {
    const over = AbortSignal.any([ended.signal, stop, restart]);
    unhealthy = await watchHealth(vm, service, context, over);
    if (unhealthy !== null) await end.forGood(ownMs);
  };
  const watching = hasStarted ? watch() : Promise.resolve();
  try {
    const outcome = await running;
    return { outcome, durationMs: Math.round(performance.now() - startedAt), unhealthy };
  } finally {
    ended.abort();
    await watching;
  }
}
