import type { SandboxNetworkEvent } from '../net/audit/network-event.ts';
import type { NetworkTally } from '../net/audit/network-tally.ts';
import type { ArtifactsResult } from './artifacts.ts';
import type { ErrorData } from './error-data.ts';
import type { RunOutputs } from './outputs/run-outputs.ts';
import type { ResourceUsage, UsageSampler } from './resource-usage.ts';
import type { RunChange } from './run-event.ts';
import type { ServiceResult, StepResult } from './run-result.ts';
import type { CreateSandboxVm, Passthrough } from './runner-vm.ts';
import type { Skip } from './step/decide-skip.ts';
import type { TestResults } from './test-reports/test-results.ts';
import type { WrittenFilesResult } from './written-files.ts';

/** The surroundings that the sandboxes of a run share. */
export interface SandboxContext {
  readonly createVm: CreateSandboxVm;
  readonly cancel: AbortSignal;
  readonly emit: (change: RunChange) => Promise<void>;
  readonly onNetworkEvent: (event: SandboxNetworkEvent) => void;
  readonly passthrough: Passthrough | null;
  /** Most steps that a checkpoint may stand for. @default all */
  readonly maxRestoredSteps?: number;
  readonly outputs: RunOutputs;
}

/** The state of a sandbox while it runs. */
export interface SandboxProgress {
  readonly deadline: AbortController;
  timer: NodeJS.Timeout | undefined;
  isCancelled: boolean;
  readonly steps: StepResult[];
  service: ServiceResult | null;
  readonly unmet: string | null;
  bootMs: number | null;
  artifacts: ArtifactsResult | null;
  tests: TestResults | null;
  /** When its VM was started, by `performance.now()`. */
  vmStartedAt: number;
  sampler: UsageSampler | null;
  usage: ResourceUsage | null;
  writtenFiles: WrittenFilesResult;
  kernel: string | null;
  readonly network: NetworkTally;
  /** True once no further step can run in this VM. */
  isVmLost: boolean;
  error: ErrorData | null;
}

export const NO_RUNNING_VM: Skip = {
  cause: 'sandbox-failed',
  reason: 'the sandbox has no running VM',
};

/** Returns why no further step of this sandbox can run; null while they can. */
export function stopReason(progress: SandboxProgress, cancel: AbortSignal): Skip | null {
  if (progress.unmet !== null) return { cause: 'dependency', reason: progress.unmet };
  if (cancel.aborted) return { cause: 'cancelled', reason: 'the run was cancelled' };
  if (progress.deadline.signal.aborted) {
    return { cause: 'sandbox-timeout', reason: 'the sandbox timed out' };
  }
  return progress.isVmLost ? NO_RUNNING_VM : null;
}
