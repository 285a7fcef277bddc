import { EXIT } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { ErrorData } from './error-data.ts';
import type { RunStatus, SandboxResult, StepResult } from './run-result.ts';
import { hasFailed } from './step/step-gate.ts';

/** Exit code of a failed step that exited 0, which its `success_exit_codes` do not list. */
const FAILED_WITH_ZERO = 1;

/** Exit code of a cancelled run: that of the error it was aborted with, else 130. */
function cancelExitCode(signal: AbortSignal): number {
  return GondolinError.is(signal.reason) ? signal.reason.exit : EXIT.interrupted;
}

/** Status and exit code of a sandbox from its steps, in order, and its own error. */
export function judgeSandbox(
  steps: readonly StepResult[],
  error: ErrorData | null,
  isCancelled: boolean,
  signal: AbortSignal,
): { status: RunStatus; exitCode: number } {
  if (isCancelled || steps.some((step) => step.status === 'cancelled')) {
    return { status: 'cancelled', exitCode: cancelExitCode(signal) };
  }
  // What was blocked is why a step failed, more often than not: the code says so.
  if (error?.exit === EXIT.policy) return { status: 'failed', exitCode: EXIT.policy };
  const failed = steps.find(hasFailed);
  if (failed !== undefined) {
    const status = failed.status === 'timed-out' ? 'timed-out' : 'failed';
    return { status, exitCode: failed.exitCode || FAILED_WITH_ZERO };
  }
  if (error === null) return { status: 'succeeded', exitCode: 0 };
  return { status: error.exit === EXIT.timeout ? 'timed-out' : 'failed', exitCode: error.exit };
}

/** Status and exit code of a run: a cancelled one, else the first sandbox in plan order that did not succeed. */
export function judgeRun(
  sandboxes: readonly SandboxResult[],
  signal: AbortSignal,
): { status: RunStatus; exitCode: number } {
  if (sandboxes.some((sandbox) => sandbox.status === 'cancelled')) {
    return { status: 'cancelled', exitCode: cancelExitCode(signal) };
  }
  const failed = sandboxes.find((sandbox) => sandbox.status !== 'succeeded');
  return { status: failed?.status ?? 'succeeded', exitCode: failed?.exitCode ?? 0 };
}
