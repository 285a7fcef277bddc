import type { NetworkSummary } from '../net/audit/network-summary.ts';
import type { ArtifactsResult } from './artifacts.ts';
import type { ErrorData } from './error-data.ts';
import type { ResourceUsage } from './resource-usage.ts';
import type { TestResults } from './test-reports/test-results.ts';
import type { WrittenFilesResult } from './written-files.ts';

/** `timed-out` and `cancelled` are failures with a known reason; `skipped` is not a failure. */
export type StepStatus = 'succeeded' | 'failed' | 'timed-out' | 'cancelled' | 'skipped';

/** Status of a sandbox and of a whole run. */
export type RunStatus = Exclude<StepStatus, 'skipped'>;

/** The result of one step. Plain data; failed and successful steps have the same shape. */
export interface StepResult {
  readonly name: string;
  readonly status: StepStatus;
  /** 0..255: the command's own, 128+n after signal n, 124 timed out, 125 gondolin failed; null if it never ran. */
  readonly exitCode: number | null;
  /** Name of the signal that ended it, such as `SIGKILL`. */
  readonly signal: string | null;
  /** The guest's memory ran out, and its kernel killed a process of the step. */
  readonly isOutOfMemory: boolean;
  /** Number of times it was started. */
  readonly attempts: number;
  /** Duration of all attempts. */
  readonly durationMs: number;
  /** The reason why it was skipped or cancelled, as part of a sentence; null if it ran. */
  readonly reason: string | null;
  /** It failed, and `continue_on_error` keeps it from failing the run. */
  readonly isIgnored: boolean;
  /** It did not run: the VM was restored from a checkpoint of an earlier run, taken after this step. */
  readonly isCached: boolean;
  /** The error that kept it from running or finishing; null when its exit code is the reason. */
  readonly error: ErrorData | null;
}

/** The part of a result that is the same for all steps that did not run. */
export const NOT_RUN = {
  signal: null,
  isOutOfMemory: false,
  attempts: 0,
  durationMs: 0,
  isIgnored: false,
  error: null,
} as const satisfies Partial<StepResult>;

/** The result of a service's command. */
export interface ServiceResult {
  /** `failed`: it ended by itself with another exit code than 0, or was unhealthy. */
  readonly status: 'succeeded' | 'failed';
  /** Exit code of its last run, 0..255; null if it had to be killed. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly isOutOfMemory: boolean;
  readonly restarts: number;
  /** From its first start to its end. */
  readonly durationMs: number;
  /** It was stopped, and did not end by itself. */
  readonly isStopped: boolean;
}

/** The result of one sandbox. `steps` has one entry for each planned step, in plan order. */
export interface SandboxResult {
  readonly name: string;
  readonly status: RunStatus;
  readonly exitCode: number;
  readonly durationMs: number;
  /** From the start of QEMU to a ready agent; null if the VM was never ready. */
  readonly bootMs: number | null;
  /** Kernel release reported by the guest: untrusted text. */
  readonly kernel: string | null;
  readonly steps: readonly StepResult[];
  /** null if it has no service, or its service was never started. */
  readonly service: ServiceResult | null;
  readonly network: NetworkSummary;
  /** null if it has none, or they were not copied. */
  readonly artifacts: ArtifactsResult | null;
  /** Tests of the reports that its commands wrote; null without `reports:`, or if they were not read. */
  readonly tests: TestResults | null;
  /** The files of the host that it wrote through its volumes. */
  readonly writtenFiles: WrittenFilesResult;
  /** null if its VM was never ready. */
  readonly usage: ResourceUsage | null;
  /** The error of the sandbox itself: of its image, its start, or its VM during the run. */
  readonly error: ErrorData | null;
}

/** The result of a run. `sandboxes` is in plan order, whichever ended first. */
export interface RunResult {
  readonly status: RunStatus;
  readonly exitCode: number;
  readonly durationMs: number;
  readonly sandboxes: readonly SandboxResult[];
}
