import type { StepResult } from '../project/run-result.ts';
import type { TestCase, TestCounts } from '../project/test-reports/test-results.ts';

/** Describes the exit of a process: `exit 137 (SIGKILL), out of memory`. */
export function exitText(
  word: 'exit' | 'exited',
  { exitCode, signal, isOutOfMemory }: Pick<StepResult, 'exitCode' | 'signal' | 'isOutOfMemory'>,
): string {
  const by = signal === null ? '' : ` (${signal})`;
  return `${word} ${exitCode}${by}${isOutOfMemory ? ', out of memory' : ''}`;
}

/** Why a step did not succeed, in a few words; empty for one that did, was skipped or came from a checkpoint. */
export function failureText(step: StepResult): string {
  const ignored = step.isIgnored ? ', ignored by continue_on_error' : '';
  switch (step.status) {
    case 'succeeded':
    case 'skipped':
      return '';
    case 'cancelled':
      return 'cancelled';
    case 'timed-out':
      return `timed out${ignored}`;
    case 'failed': {
      const why = step.error === null ? '' : `: ${step.error.code}: ${step.error.message}`;
      return `${exitText('exit', step)}${why}${ignored}`;
    }
  }
}

/** Describes the tests of a sandbox: `120 tests: 2 failed, 3 skipped`. */
export function testsText({ passed, failed, error, skipped }: TestCounts): string {
  const total = passed + failed + error + skipped;
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(error > 0 ? [`${error} with an error`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  return `${total === 1 ? '1 test' : `${total} tests`}: ${parts.join(', ') || 'passed'}`;
}

/** True for a test that did not pass, and was not skipped. */
export function isBadTest({ outcome }: TestCase): boolean {
  return outcome === 'failed' || outcome === 'error';
}

/** True for a step that fails the run. */
export function isFailure({ status, isIgnored }: StepResult): boolean {
  return !isIgnored && (status === 'failed' || status === 'timed-out' || status === 'cancelled');
}
