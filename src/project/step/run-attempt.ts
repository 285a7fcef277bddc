import { EXIT } from '../../errors/codes.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { StepPlan } from '../../plan/plan.ts';
import { toArgv } from '../../vm/guest-command.ts';
import { type ErrorData, toErrorData } from '../error-data.ts';
import type { StepStatus } from '../run-result.ts';
import type { Passthrough, RunnerProcess, RunnerResult, RunnerVm } from '../runner-vm.ts';
import {
  forwardRaw,
  forwardText,
  type OutputForwarding,
  type OutputSink,
} from './forward-output.ts';
import { type StopCause, watchForStop } from './stop-causes.ts';

/** Time for the guest to end every process of a step that is killed. */
export const KILL_LIMIT_MS = 10_000;

/** The part of a VM that a command needs. */
export type ExecutingVm = Pick<RunnerVm, 'exec' | 'ended' | 'shell' | 'container'>;

export interface AttemptContext {
  readonly cancel: AbortSignal;
  readonly deadline: AbortSignal;
  readonly sink: OutputSink;
  readonly passthrough: Passthrough | null;
}

export interface AttemptOutcome {
  readonly status: Exclude<StepStatus, 'skipped'>;
  readonly exitCode: number;
  readonly signal: string | null;
  readonly isOutOfMemory: boolean;
  readonly error: ErrorData | null;
  /** False when the same would happen again: it was not even started. */
  readonly mayRetry: boolean;
  /** The VM cannot run another step. */
  readonly isVmLost: boolean;
  /** Ends what the attempt left running in the guest. */
  readonly sweep: () => Promise<void>;
}

type Ending =
  | { readonly by: 'exit'; readonly result: RunnerResult }
  | { readonly by: 'error'; readonly error: unknown }
  | { readonly by: 'vm'; readonly error: GondolinError | undefined }
  | { readonly by: 'stop'; readonly cause: StopCause };

async function waitForEnd(command: RunnerProcess, output: OutputForwarding): Promise<Ending> {
  const reading = output.done.then(
    () => null,
    (error: unknown) => ({ error }),
  );
  try {
    const result = await command;
    const broken = await reading;
    return broken === null ? { by: 'exit', result } : { by: 'error', error: broken.error };
  } catch (error) {
    return { by: 'error', error };
  }
}

function failure(error: unknown, isVmLost: boolean, sweep: () => Promise<void>): AttemptOutcome {
  const data = toErrorData(error);
  const how = { exitCode: data.exit, signal: null, isOutOfMemory: false };
  return { status: 'failed', ...how, error: data, mayRetry: true, isVmLost, sweep };
}

/** The outcome of an attempt that could not begin, and never will. */
export function failedAttempt(error: unknown): AttemptOutcome {
  return { ...failure(error, false, async () => undefined), mayRetry: false };
}

function vmEnded(error: GondolinError | undefined): GondolinError {
  return error ?? new GondolinError('PROJECT_VM_ENDED', 'the VM powered off during the step');
}

/** True when the VM has ended. A command may fail a moment before its VM reports the end. */
function isOver(vm: ExecutingVm): Promise<boolean> {
  const soon = new Promise<boolean>((resolve) => setImmediate(resolve, false));
  return Promise.race([vm.ended.then(() => true), soon]);
}

/** Kills every process of the step. Returns an error if the guest did not do so in time, else null. */
async function killTree(
  vm: ExecutingVm,
  command: RunnerProcess,
  settled: Promise<Ending>,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<GondolinError>((resolve) => {
    const message = `the guest did not end the step's processes within ${KILL_LIMIT_MS} ms`;
    timer = setTimeout(
      () => resolve(new GondolinError('PROJECT_KILL_FAILED', message)),
      KILL_LIMIT_MS,
    );
  });
  const killed = command.kill('SIGKILL', 'tree').then(
    () => settled.then(() => null),
    (error: unknown) => error,
  );
  try {
    return await Promise.race([killed, late, vm.ended.then(vmEnded)]);
  } finally {
    clearTimeout(timer);
  }
}

async function stop(
  cause: StopCause,
  vm: ExecutingVm,
  command: RunnerProcess,
  output: OutputForwarding,
  settled: Promise<Ending>,
): Promise<AttemptOutcome> {
  const sweep = async () => undefined;
  if (cause === 'cancelled') {
    // The VM is closed next, which ends the processes sooner than killing them one by one.
    output.stop();
    return {
      status: 'cancelled',
      exitCode: EXIT.interrupted,
      signal: null,
      isOutOfMemory: false,
      error: null,
      mayRetry: false,
      isVmLost: true,
      sweep,
    };
  }
  output.hurry();
  const error = await killTree(vm, command, settled);
  output.stop();
  return {
    status: 'timed-out',
    exitCode: EXIT.timeout,
    signal: null,
    isOutOfMemory: false,
    error: error === null ? null : toErrorData(error),
    mayRetry: true,
    isVmLost: error !== null,
    sweep,
  };
}

/**
 * Runs a step once, until it exits, exceeds its timeout, the VM ends or the run is cancelled. Never rejects.
 * After a timeout all its processes have been killed; after a normal exit its background processes keep running.
 */
export async function runAttempt(
  vm: ExecutingVm,
  step: StepPlan,
  context: AttemptContext,
): Promise<AttemptOutcome> {
  const { passthrough } = context;
  const terminal = passthrough?.terminal ?? null;
  const nothing = async () => undefined;
  let command: RunnerProcess;
  try {
    command = vm.exec(
      toArgv(step.command.kind === 'shell' ? step.command.script : step.command.argv, vm.shell),
      {
        stdin: passthrough?.stdin != null,
        stdout: 'pipe',
        stderr: 'pipe',
        env: step.env,
        cwd: step.cwd,
        ...(terminal === null ? {} : { pty: true, ...terminal.size }),
      },
    );
  } catch (error) {
    return failure(error, false, nothing);
  }
  const output =
    passthrough === null ? forwardText(command, context.sink) : forwardRaw(command, passthrough);
  const watch = watchForStop({ ...context, timeoutMs: step.timeoutMs });
  const settled = waitForEnd(command, output);
  try {
    const ending = await Promise.race([
      settled,
      vm.ended.then((error): Ending => ({ by: 'vm', error })),
      watch.stopped.then((cause): Ending => ({ by: 'stop', cause })),
    ]);
    if (ending.by === 'stop') return await stop(ending.cause, vm, command, output, settled);
    output.stop();
    if (ending.by === 'vm') return failure(vmEnded(ending.error), true, nothing);
    const sweep = () => command.kill('SIGKILL', 'tree');
    if (ending.by === 'error') return failure(ending.error, await isOver(vm), sweep);
    const { exitCode, signal, isOutOfMemory } = ending.result;
    const status = step.successExitCodes.includes(exitCode) ? 'succeeded' : 'failed';
    const end = { status, exitCode, signal, isOutOfMemory, error: null } as const;
    return { ...end, mayRetry: true, isVmLost: false, sweep };
  } finally {
    watch.dispose();
  }
}
