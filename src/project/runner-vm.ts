import type { Readable, Writable } from 'node:stream';
import type { GondolinError } from '../errors/gondolin-error.ts';
import type { NetworkEventSink } from '../net/audit/network-event.ts';
import type { SandboxPlan } from '../plan/plan.ts';
import type { SavedStep } from './checkpoint/checkpoint-facts.ts';
import type { SaveOutcome } from './checkpoint/sandbox-checkpoints.ts';
import type { StepResult } from './run-result.ts';

/** The part of `ExecResult` that the runner uses. */
export interface RunnerResult {
  readonly exitCode: number;
  readonly signal: string | null;
  readonly isOutOfMemory: boolean;
}

/** The part of `ExecProcess` that the runner uses. */
export interface RunnerProcess extends PromiseLike<RunnerResult> {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** With SIGKILL to the `tree` it resolves once none of the command's processes is left. */
  kill(signal: NodeJS.Signals, scope: 'process' | 'group' | 'tree'): Promise<void>;
}

/** The part of `VM` that the runner uses; tests give their own. */
export interface RunnerVm {
  /** Untrusted text of the guest. */
  readonly kernelRelease: string;
  readonly bootMs: number;
  /** Settles when the VM is over: with the error, or undefined after an orderly end. Never rejects. */
  readonly ended: Promise<GondolinError | undefined>;
  exec(
    argv: string[],
    options: {
      readonly stdin: boolean;
      readonly stdout: 'pipe';
      readonly stderr: 'pipe';
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
    },
  ): RunnerProcess;
  /** Ends the guest and QEMU. Safe to call on a VM that is over. */
  close(): Promise<void>;
  /** Saves the machine into an existing, empty directory; it goes on afterwards. */
  save(directory: string): Promise<void>;
  /** Results of the first steps, whose effects a restored VM already has; empty after an ordinary start. */
  readonly cachedSteps: readonly SavedStep[];
  /**
   * Saves the machine behind step `index`, for later runs.
   * @param results  Of all steps up to that one.
   */
  saveCheckpoint(index: number, results: readonly StepResult[]): Promise<SaveOutcome>;
}

/** A step of making an image, as `image/` tells it. */
export interface ImageProgress {
  readonly level: 'info' | 'warning';
  readonly artifact: string;
  /** Short stable word, e.g. `download`. */
  readonly phase: string;
  readonly message: string;
  /** Share of this artifact's work that is done, 0..1; null where it cannot be told. */
  readonly fraction: number | null;
}

export interface SandboxVmHooks {
  /** Ends the making of the image or the VM; the promise then rejects. */
  readonly signal: AbortSignal;
  readonly onImageProgress: (progress: ImageProgress) => void;
  /** Called once, after the image is there and before QEMU starts. */
  readonly onVmStarting: () => void;
  readonly onNetworkEvent: NetworkEventSink;
  /** Told what did not work but did not stop the start either: one line. */
  readonly onWarning: (message: string) => void;
  /** Told of the first checkpoint that could not be restored, and why: `input package.json changed`. */
  readonly onCheckpointMissed: (step: string, reason: string) => void;
}

/** Makes the VM of a sandbox, its image first. */
export type CreateSandboxVm = (sandbox: SandboxPlan, hooks: SandboxVmHooks) => Promise<RunnerVm>;

/** Streams of the caller that an ad-hoc command uses as its own, byte by byte. They are not closed. */
export interface Passthrough {
  readonly stdin: Readable | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
}
