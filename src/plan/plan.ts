import type { NetworkConfig, SecretConfig } from '../config/config.ts';
import type { SourcePlace } from '../errors/gondolin-error.ts';

/**
 * The Plan: everything a run needs to know, as plain data. Made from Config by `buildPlan`; printed by
 * `gondolin plan --format json`. Paths are absolute, sizes in bytes, times in milliseconds. Holds no value of a secret;
 * variables may: print it with `renderPlan` or `renderPlanJson`.
 */
export interface Plan {
  /** Project name, `[a-z0-9][a-z0-9_-]*`. */
  readonly name: string;
  /** The project file and every file it includes; read-only in every guest. */
  readonly configFiles: readonly string[];
  /**
   * Other host files that decide what a run may do: read-only in every guest, by name where there is none yet. All of the
   * project file, whichever sandboxes are run.
   */
  readonly authorityFiles: readonly string[];
  /** Code that the host runs for any sandbox of the project file. */
  readonly hostCode: readonly HostCode[];
  /** Directory of the project file. */
  readonly directory: string;
  readonly sandboxes: readonly SandboxPlan[];
}

/** Code that the host runs with the user's rights; `field` names it in messages. */
export type HostCode =
  | { readonly kind: 'module'; readonly field: string; readonly path: string }
  | {
      readonly kind: 'command';
      readonly field: string;
      /** A string runs by a shell, a list without. */
      readonly command: string | readonly string[];
      readonly directory: string;
    };

export interface SandboxPlan {
  readonly name: string;
  readonly image: ImagePlan;
  readonly vm: VmPlan;
  readonly network: NetworkPlan;
  /** Where values come from; never a value. */
  readonly secrets: readonly SecretConfig[];
  /** What happens where this sandbox's guest could change the plan's `hostCode`. */
  readonly onWritableCode: 'fail' | 'warn';
  /** In running order: topological by `needs`, stable by place in the file. */
  readonly steps: readonly StepPlan[];
}

export interface ImagePlan {
  /** Name as the user wrote it, e.g. `debian` or a key of `images:`. */
  readonly name: string;
  readonly recipe: ImageRecipe;
}

/** What an image is made from; its canonical JSON is hashed into the cache key. */
export type ImageRecipe =
  | {
      readonly kind: 'debian';
      readonly arch: 'x86_64' | 'aarch64';
      /** Debian code name, e.g. `bookworm`. */
      readonly release: string;
      /** Extra packages, sorted, no duplicates. */
      readonly packages: readonly string[];
      /** Base URL of the mirror; null takes the host's apt configuration. */
      readonly mirror: string | null;
    }
  | { readonly kind: 'path'; readonly path: string };

/** As in the project file, but that `allowedHosts` has the hosts of the secrets too. */
export type NetworkPlan = NetworkConfig;

export interface VmPlan {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** `memory`: writable, lost at the end. `readonly`: mounts and /tmp only. */
  readonly root: 'memory' | 'readonly';
  /** `UID[:GID]` or `NAME[:GROUP]`; empty is root. */
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` whose values are masked when printed. */
  readonly maskedEnv: readonly string[];
  /** Default working directory of the steps, absolute guest path. */
  readonly workspace: string;
  readonly mounts: readonly MountPlan[];
  /** Limit of the whole sandbox run; null is none. */
  readonly timeoutMs: number | null;
}

export type MountPlan =
  | {
      readonly kind: 'host';
      readonly hostPath: string;
      readonly guestPath: string;
      readonly isReadonly: boolean;
    }
  | { readonly kind: 'memory'; readonly guestPath: string; readonly sizeBytes: number };

export interface StepPlan {
  readonly name: string;
  readonly command: StepCommand;
  /** Names of steps of the same sandbox that must have succeeded. */
  readonly needs: readonly string[];
  readonly when: 'on_success' | 'on_failure' | 'always';
  readonly timeoutMs: number | null;
  readonly retries: number;
  /** Added over the sandbox's env. */
  readonly env: Readonly<Record<string, string>>;
  /** As that of the VM. */
  readonly maskedEnv: readonly string[];
  /** Absolute guest path. */
  readonly cwd: string;
  readonly successExitCodes: readonly number[];
  readonly continueOnError: boolean;
  /** The machine is saved after it, and later runs restore that while nothing up to here has changed. */
  readonly checkpoint: boolean;
  readonly inputs: readonly StepInput[];
}

/** Host files that a step's result depends on: a path, a glob, or with a leading `!` what others shall leave out. */
export interface StepInput {
  readonly pattern: string;
  /** Where a relative pattern starts; absolute. */
  readonly directory: string;
  readonly at: SourcePlace;
}

export type StepCommand =
  | { readonly kind: 'shell'; readonly script: string }
  | { readonly kind: 'argv'; readonly argv: readonly string[] };
