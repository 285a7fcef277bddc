import type { Readable, Writable } from 'node:stream';
import type { PortMapping } from '../address/parse-port-mapping.ts';
import type { GondolinError } from '../errors/gondolin-error.ts';
import type { ProcessUsage } from '../host/process-usage.ts';
import type { ContainerConfig } from '../image/oci/documents/image-config.ts';
import type { NetworkEventSink } from '../net/audit/network-event.ts';
import type { SandboxPlan } from '../plan/plan.ts';
import type { Shell } from '../vm/guest-command.ts';
import type { ArtifactsResult } from './artifacts.ts';
import type { SavedStep } from './checkpoint/checkpoint-facts.ts';
import type { SaveOutcome } from './checkpoint/sandbox-checkpoints.ts';
import type { StepOutputs } from './outputs/parse-outputs.ts';
import type { StepResult } from './run-result.ts';
import type { TestResults } from './test-reports/test-results.ts';
import type { WrittenFilesResult } from './written-files.ts';

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
  /** Sends a signal. SIGKILL to the `tree` resolves once all processes of the command have ended. */
  kill(signal: NodeJS.Signals, scope: 'process' | 'group' | 'tree'): Promise<void>;
  /** Changes the size of its terminal. */
  resize(rows: number, columns: number): Promise<void>;
}

/** The part of `VM` that the runner uses; tests pass their own. */
export interface RunnerVm {
  /** Its id in `gondolin list`: 12 hexadecimal digits. */
  readonly id: string;
  /** Untrusted text of the guest. */
  readonly kernelRelease: string;
  readonly bootMs: number;
  /** Resolves when the VM has ended: with the error, or undefined after `close()`. Never rejects. */
  readonly ended: Promise<GondolinError | undefined>;
  exec(
    argv: string[],
    options: {
      readonly stdin: boolean;
      readonly stdout: 'pipe';
      readonly stderr: 'pipe';
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
      /** A terminal of its own, with this size. */
      readonly pty?: boolean;
      readonly rows?: number;
      readonly columns?: number;
      /** A command beside the VM's own, such as a healthcheck: `gondolin attach` and similar commands do not show it. @default false */
      readonly isAside?: boolean;
    },
  ): RunnerProcess;
  /** The shell of commands that are a script. @default 'login' */
  readonly shell?: Shell;
  /** The command of its image, for services; null for an image without one. @default null */
  readonly container?: Pick<ContainerConfig, 'entrypoint' | 'cmd'> | null;
  /** Ports of the host that lead to the guest's servers while the VM runs. */
  readonly ports: readonly PortMapping[];
  /** Ends the guest and QEMU. Safe to call on a VM that has ended. */
  close(): Promise<void>;
  /**
   * Reads a file as the guest's user; null if there is none.
   * @throws {GondolinError} FILES_TOO_LARGE; the errors of `vm.fs`.
   */
  readFile(path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | null>;
  /**
   * Copies the sandbox's artifacts to the host; null if it has none, or nobody wants them.
   * @throws {GondolinError} PROJECT_ARTIFACTS_FAILED
   */
  collectArtifacts(cancel: AbortSignal): Promise<ArtifactsResult | null>;
  /**
   * Reads the test reports that its commands wrote; null if the sandbox has none.
   * @throws The error of the guest's files when the VM was lost.
   */
  collectTests(cancel: AbortSignal): Promise<TestResults | null>;
  /** Returns the memory and processor time of its QEMU; null when it has ended. */
  usage(): ProcessUsage | null;
  /** The host's files that its guest wrote so far. */
  writtenFiles(): WrittenFilesResult;
  /** Saves the VM to an existing, empty directory; the VM continues afterwards. */
  save(directory: string): Promise<void>;
  /** Results of the steps before the restored checkpoint; empty if no checkpoint was restored. */
  readonly cachedSteps: readonly SavedStep[];
  /** Whether the machine is saved after step `index`. @default after each step with `checkpoint: true` */
  savesAfter?(index: number): boolean;
  /**
   * Saves a checkpoint after step `index`, for later runs.
   * @param results  The results of all steps up to that one.
   * @param outputs  What each of them wrote.
   */
  saveCheckpoint(
    index: number,
    results: readonly StepResult[],
    outputs: readonly StepOutputs[],
  ): Promise<SaveOutcome>;
}

/** Progress of an image build, as reported by `image/`. */
export interface ImageProgress {
  readonly level: 'info' | 'warning';
  readonly artifact: string;
  /** Short stable word, such as `download`. */
  readonly phase: string;
  readonly message: string;
  /** Share of this artifact's work that is done, 0..1; null if unknown. */
  readonly fraction: number | null;
}

export interface SandboxVmHooks {
  /** Cancels the image build or the start of the VM; the promise then rejects. */
  readonly signal: AbortSignal;
  readonly onImageProgress: (progress: ImageProgress) => void;
  /** Called once, when the image is ready and before QEMU starts. */
  readonly onVmStarting: () => void;
  readonly onNetworkEvent: NetworkEventSink;
  /** Receives problems that do not stop the start, one line each. */
  readonly onWarning: (message: string) => void;
  /** Receives the first checkpoint that was not restored, and the reason: `input package.json changed`. */
  readonly onCheckpointMissed: (step: string, reason: string) => void;
  /** Most steps that a restored checkpoint may stand for. @default all */
  readonly maxRestoredSteps?: number;
}

/** Prepares the image of a sandbox and starts its VM. */
export type CreateSandboxVm = (sandbox: SandboxPlan, hooks: SandboxVmHooks) => Promise<RunnerVm>;

/** The caller's streams, which an ad-hoc command uses as its own, byte by byte. They are not closed. */
export interface Passthrough {
  /** The sandbox whose command uses them; what it depends on does not. */
  readonly sandbox: string;
  readonly stdin: Readable | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The caller's terminal, for a command on a terminal of its own. */
  readonly terminal?: PassthroughTerminal | null;
}

interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The caller's terminal while a command uses it. */
export interface PassthroughTerminal {
  readonly size: TerminalSize;
  /** Passes keys on and reports each new size, until the returned function is called. */
  start(onResize: (size: TerminalSize) => void): () => void;
}
