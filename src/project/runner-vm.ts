import type { Readable, Writable } from 'node:stream';
import type { GondolinError } from '../errors/gondolin-error.ts';
import type { NetworkEventSink } from '../net/audit/network-event.ts';
import type { SandboxPlan } from '../plan/plan.ts';

/** The part of `ExecProcess` that the runner uses. */
export interface RunnerProcess
  extends PromiseLike<{ readonly exitCode: number; readonly signal: string | null }> {
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
  /** What is slower or less than it could be, one line; the VM goes on. */
  readonly onVmWarning: (message: string) => void;
}

/** Makes the VM of a sandbox, its image first. */
export type CreateSandboxVm = (sandbox: SandboxPlan, hooks: SandboxVmHooks) => Promise<RunnerVm>;

/** Streams of the caller that an ad-hoc command uses as its own, byte by byte. They are not closed. */
export interface Passthrough {
  readonly stdin: Readable | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
}
