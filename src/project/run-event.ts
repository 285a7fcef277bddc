import type { DependencyConfig, WatchAction } from '../config/config.ts';
import type { BlockedUse, NetworkSummary } from '../net/audit/network-summary.ts';
import type { ArtifactsResult } from './artifacts.ts';
import type { ErrorData } from './error-data.ts';
import type { RunStatus, SandboxResult, StepStatus } from './run-result.ts';
import type { ImageProgress } from './runner-vm.ts';
import type { TestCounts } from './test-reports/test-results.ts';

/** The reason why a step did not run. */
export type SkipCause =
  | 'needs'
  | 'when'
  | 'cancelled'
  | 'sandbox-timeout'
  | 'sandbox-failed'
  | 'dependency';

/**
 * `start`: it did not run. `recreate`: it runs again in a new VM. `restart`: its service runs again in the same VM. `remove`: it is
 * no longer part of the project.
 */
export type SandboxAction = 'start' | 'recreate' | 'restart' | 'remove';

/** One change of a run, without its time. Plain data, which `--progress json` prints unchanged. */
export type RunChange =
  | {
      readonly type: 'run-started';
      readonly project: string;
      readonly maxParallel: number;
      readonly sandboxes: readonly {
        readonly name: string;
        readonly image: string;
        readonly steps: readonly string[];
        readonly isService: boolean;
      }[];
    }
  | ({
      readonly type: 'image-progress';
      readonly sandbox: string;
      readonly image: string;
    } & ImageProgress)
  | {
      readonly type: 'vm-starting';
      readonly sandbox: string;
      readonly cpus: number;
      readonly memoryBytes: number;
    }
  /** `kernel` is untrusted text of the guest. `vmId` is the id of the VM in `gondolin list`. */
  | {
      readonly type: 'vm-started';
      readonly sandbox: string;
      readonly vmId: string;
      readonly bootMs: number;
      readonly kernel: string;
    }
  /** A port of the host leads to a port of the guest from the start of its VM until the sandbox ends. */
  | {
      readonly type: 'port-opened';
      readonly sandbox: string;
      readonly host: string;
      readonly port: number;
      readonly guestPort: number;
    }
  /** `attempt` counts from 1 to at most `attempts`. */
  | {
      readonly type: 'step-started';
      readonly sandbox: string;
      readonly step: string;
      readonly attempt: number;
      readonly attempts: number;
    }
  /** `text` is untrusted and not split into lines; bytes that are not UTF-8 are U+FFFD. */
  | {
      readonly type: 'step-output';
      readonly sandbox: string;
      readonly step: string;
      readonly attempt: number;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    }
  /** One for each attempt; the last one has `willRetry: false`. */
  | {
      readonly type: 'step-finished';
      readonly sandbox: string;
      readonly step: string;
      readonly attempt: number;
      readonly status: Exclude<StepStatus, 'skipped'>;
      readonly exitCode: number;
      readonly signal: string | null;
      readonly isOutOfMemory: boolean;
      readonly durationMs: number;
      readonly willRetry: boolean;
      readonly isIgnored: boolean;
      readonly error: ErrorData | null;
    }
  | {
      readonly type: 'step-skipped';
      readonly sandbox: string;
      readonly step: string;
      readonly cause: SkipCause;
      readonly reason: string;
    }
  /** Emitted the first time something is refused for this reason. Names are untrusted text. */
  | ({
      readonly type: 'network-blocked';
      readonly sandbox: string;
    } & Omit<BlockedUse, 'count'>)
  /** Skipped: the VM was restored from a checkpoint taken after this step or a later one. */
  | { readonly type: 'step-cached'; readonly sandbox: string; readonly step: string }
  /** The first checkpoint that was not restored, and the reason: `input package.json changed`. */
  | {
      readonly type: 'checkpoint-missed';
      readonly sandbox: string;
      readonly step: string;
      readonly reason: string;
    }
  | {
      readonly type: 'checkpoint-saved';
      readonly sandbox: string;
      readonly step: string;
      readonly durationMs: number;
      readonly diskBytes: number;
    }
  /** A sandbox waits for others before it starts. */
  | {
      readonly type: 'sandbox-waiting';
      readonly sandbox: string;
      readonly dependsOn: readonly DependencyConfig[];
    }
  /** The service's command was started for the first time. */
  | { readonly type: 'service-started'; readonly sandbox: string }
  /** It was started again; `restarts` counts from 1. */
  | { readonly type: 'service-restarted'; readonly sandbox: string; readonly restarts: number }
  /** Its healthcheck succeeded, `durationMs` after its start. */
  | { readonly type: 'service-healthy'; readonly sandbox: string; readonly durationMs: number }
  /** Like `step-output`. */
  | {
      readonly type: 'service-output';
      readonly sandbox: string;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    }
  /** Its command ended. `isStopped`: because it was asked to. `restartInMs` is null if it is not started again. */
  | {
      readonly type: 'service-exited';
      readonly sandbox: string;
      readonly exitCode: number;
      readonly signal: string | null;
      readonly isOutOfMemory: boolean;
      readonly durationMs: number;
      readonly isStopped: boolean;
      readonly restartInMs: number | null;
    }
  /** `up`: what is done to a sandbox of a running project, and why. */
  | {
      readonly type: 'sandbox-changed';
      readonly sandbox: string;
      readonly action: SandboxAction;
      readonly reasons: readonly string[];
    }
  /** `up`: it was asked to end. */
  | { readonly type: 'sandbox-stopping'; readonly sandbox: string }
  /** Watch mode: files of the host changed, so the sandbox runs again from this step; null for its service. At most five paths, relative to the project's directory. */
  | {
      readonly type: 'change-detected';
      readonly sandbox: string;
      readonly action: WatchAction;
      readonly from: string | null;
      readonly paths: readonly string[];
      readonly pathCount: number;
    }
  /** Watch mode: changed files of the host were put into the copy in the running guest. */
  | {
      readonly type: 'files-synced';
      readonly sandbox: string;
      readonly files: number;
      readonly deleted: number;
      readonly durationMs: number;
    }
  /** Watch mode: a machine waits for the next run; it contains the work of this many steps. */
  | { readonly type: 'rerun-prepared'; readonly sandbox: string; readonly stepCount: number }
  /** A sandbox waits until others end and give memory back. */
  | {
      readonly type: 'memory-waiting';
      readonly sandbox: string;
      readonly wantedBytes: number;
      readonly freeBytes: number;
    }
  /** Files of the guest were copied to the host. */
  | ({ readonly type: 'artifacts-copied'; readonly sandbox: string } & ArtifactsResult)
  /** The reports that the guest's commands wrote were read. */
  | {
      readonly type: 'tests-read';
      readonly sandbox: string;
      readonly files: number;
      readonly counts: TestCounts;
    }
  /** A problem that does not stop the run. */
  | { readonly type: 'warning'; readonly sandbox: string; readonly message: string }
  | {
      readonly type: 'sandbox-finished';
      readonly sandbox: string;
      readonly status: RunStatus;
      readonly exitCode: number;
      readonly durationMs: number;
      readonly network: NetworkSummary;
      readonly error: ErrorData | null;
    }
  | {
      readonly type: 'run-finished';
      readonly status: RunStatus;
      readonly exitCode: number;
      readonly durationMs: number;
      readonly sandboxes: readonly SandboxResult[];
    };

/** One change of a run with its time: ISO 8601, UTC, milliseconds. */
export type RunEvent = RunChange & { readonly time: string };

/**
 * Receives each event in order. When it returns a promise for a `step-output`, no more output of that stream is read
 * until the promise resolves, so that a slow reader slows the guest down instead of filling memory.
 */
export type RunListener = (event: RunEvent) => void | Promise<void>;
