import { EXIT } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { ErrorData } from './error-data.ts';
import type { RunStatus, SandboxResult, ServiceResult, StepResult } from './run-result.ts';
import { hasFailed } from './step/decide-skip.ts';

/** Exit code of a step that failed with exit code 0 because its `success_exit_codes` do not include 0. */
const FAILED_WITH_ZERO = 1;

/** Returns the exit code of a cancelled run: that of the error it was aborted with, otherwise 130. */
function cancelExitCode(signal: AbortSignal): number {
  return GondolinError.is(signal.reason) ? signal.reason.exit : EXIT.interrupted;
}

/** Returns the status and exit code of a sandbox, from its steps in order, its service and its own error. */
export function judgeSandbox(
  { steps, service }: { steps: readonly StepResult[]; service: ServiceResult | null },
  error: ErrorData | null,
  isCancelled: boolean,
  signal: AbortSignal,
): { status: RunStatus; exitCode: number } {
  if (isCancelled || steps.some((step) => step.status === 'cancelled')) {
    return { status: 'cancelled', exitCode: cancelExitCode(signal) };
  }
  // A step usually fails because of what was blocked, so the exit code reports that.
  if (error?.exit === EXIT.policy) return { status: 'failed', exitCode: EXIT.policy };
  const failed = steps.find(hasFailed);
  if (failed !== undefined) {
    const status = failed.status === 'timed-out' ? 'timed-out' : 'failed';
    return { status, exitCode: failed.exitCode || FAILED_WITH_ZERO };
  }
  if (error === null && service?.status === 'failed') {
    return { status: 'failed', exitCode: service.exitCode || FAILED_WITH_ZERO };
  }
  if (error === null) return { status: 'succeeded', exitCode: 0 };
  return { status: error.exit === EXIT.timeout ? 'timed-out' : 'failed', exitCode: error.exit };
}

/** Returns the status and exit code of a run: cancelled, or those of the first sandbox in plan order that failed by itself, or those of `from`. */
export function judgeRun(
  sandboxes: readonly SandboxResult[],
  signal: AbortSignal,
  from: string | null,
): { status: RunStatus; exitCode: number } {
  if (sandboxes.some((sandbox) => sandbox.status === 'cancelled')) {
    return { status: 'cancelled', exitCode: cancelExitCode(signal) };
  }
  const chosen = sandboxes.find(({ name }) => name === from);
  if (chosen !== undefined) return { status: chosen.status, exitCode: chosen.exitCode };
  const bad = sandboxes.filter((sandbox) => sandbox.status !== 'succeeded');
  const failed = bad.find(({ error }) => error?.code !== 'PROJECT_DEPENDENCY_FAILED') ?? bad[0];
  return { status: failed?.status ?? 'succeeded', exitCode: failed?.exitCode ?? 0 };
}
