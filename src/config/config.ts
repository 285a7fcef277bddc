import type { SourcePlace } from '../errors/gondolin-error.ts';

/**
 * A project file, checked and with every default filled in. Host paths are absolute, sizes in bytes, times in
 * milliseconds; guest paths are absolute and clean.
 */
export interface Config {
  readonly name: string;
  /** The project file and its includes, absolute. */
  readonly files: readonly string[];
  readonly directory: string;
  readonly sandboxes: readonly SandboxConfig[];
}

export interface SandboxConfig {
  readonly name: string;
  readonly image: ImageConfig;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly timeoutMs: number | null;
  readonly root: 'memory' | 'readonly';
  readonly workspace: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` whose values came from the host's environment or an env_file: masked when printed. */
  readonly maskedEnv: readonly string[];
  readonly volumes: readonly VolumeConfig[];
  readonly steps: readonly StepConfig[];
}

export interface ImageConfig {
  readonly name: string;
  /** A directory with a built image, or null for one that is built. */
  readonly path: string | null;
  /** `host` takes this machine's. */
  readonly arch: 'host' | 'x86_64' | 'aarch64';
  readonly release: string;
  readonly packages: readonly string[];
  readonly mirror: string;
}

export type VolumeConfig =
  | {
      readonly kind: 'host';
      readonly hostPath: string;
      readonly guestPath: string;
      readonly isReadonly: boolean;
    }
  | { readonly kind: 'memory'; readonly guestPath: string; readonly sizeBytes: number };

/** One line of a step's `inputs:`: a path, a glob, or with a leading `!` what others shall leave out. */
export interface InputConfig {
  readonly pattern: string;
  /** Where a relative pattern starts: the directory of the file it stands in. */
  readonly directory: string;
  readonly at: SourcePlace;
}

export interface StepConfig {
  readonly name: string;
  /** A string runs by a shell, a list without one. */
  readonly run: string | readonly string[];
  readonly needs: readonly string[];
  readonly when: 'on_success' | 'on_failure' | 'always';
  readonly timeoutMs: number | null;
  readonly retries: number;
  readonly env: Readonly<Record<string, string>>;
  /** As that of the sandbox. */
  readonly maskedEnv: readonly string[];
  readonly cwd: string;
  readonly successExitCodes: readonly number[];
  readonly continueOnError: boolean;
  /** Saves the machine after the step; later runs restore it instead. */
  readonly checkpoint: boolean;
  /** What the step's result depends on besides its command and environment. */
  readonly inputs: readonly InputConfig[];
}
