import type { NetworkSummary } from '../net/audit/network-summary.ts';
import type { ErrorData } from './error-data.ts';

/** `timed-out` and `cancelled` are failures with a known reason; `skipped` is not a failure. */
export type StepStatus = 'succeeded' | 'failed' | 'timed-out' | 'cancelled' | 'skipped';

/** Status of a sandbox and of a whole run. */
export type RunStatus = Exclude<StepStatus, 'skipped'>;

/** What became of one step. Plain data; a failed step has the same shape as a good one. */
export interface StepResult {
  readonly name: string;
  readonly status: StepStatus;
  /** 0..255: its own code, 128+n after death by signal n, 124 timed out, 125 runner failure; null when it never ran. */
  readonly exitCode: number | null;
  /** Name of the signal it died of, e.g. `SIGKILL`. */
  readonly signal: string | null;
  /** The guest's memory ran out, and its kernel killed a process of the step. */
  readonly isOutOfMemory: boolean;
  /** How often it was started. */
  readonly attempts: number;
  /** All attempts together. */
  readonly durationMs: number;
  /** Why it was skipped or cancelled, as a sentence part; null when it ran. */
  readonly reason: string | null;
  /** It failed, and `continue_on_error` says that this is no failure of the run. */
  readonly isIgnored: boolean;
  /** It did not run: the machine of an earlier run, saved behind it, was restored. */
  readonly isCached: boolean;
  /** Why it could not run or finish, when the reason is not its exit code. */
  readonly error: ErrorData | null;
}

/** What became of one sandbox. `steps` has one entry for each planned step, in plan order. */
export interface SandboxResult {
  readonly name: string;
  readonly status: RunStatus;
  readonly exitCode: number;
  readonly durationMs: number;
  /** From the start of QEMU to a ready agent; null when the VM never was ready. */
  readonly bootMs: number | null;
  /** Kernel release as the guest said it: untrusted text. */
  readonly kernel: string | null;
  readonly steps: readonly StepResult[];
  readonly network: NetworkSummary;
  /** Why the sandbox itself failed: its image, its boot, or its VM in mid-run. */
  readonly error: ErrorData | null;
}

/** What became of a run. `sandboxes` stands in plan order, whatever ended first. */
export interface RunResult {
  readonly status: RunStatus;
  readonly exitCode: number;
  readonly durationMs: number;
  readonly sandboxes: readonly SandboxResult[];
}
