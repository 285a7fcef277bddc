import type {
  NetworkConfig,
  SandboxConfig,
  SecretConfig,
  StepConfig,
  VolumeConfig,
} from '../config/config.ts';

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

/** As in the project file, except that `allowedHosts` includes the hosts of the secrets. */
export type NetworkPlan = NetworkConfig;

/** The keys of the sandbox that make its VM, as in the project file. */
export interface VmPlan
  extends Pick<
    SandboxConfig,
    'cpus' | 'memoryBytes' | 'root' | 'user' | 'env' | 'maskedEnv' | 'workspace' | 'timeoutMs'
  > {
  readonly mounts: readonly MountPlan[];
}

/** A volume of the project file. */
export type MountPlan = VolumeConfig;

/** A step of the project file, with its command in the form it is run in. */
export interface StepPlan extends Omit<StepConfig, 'run'> {
  readonly command: StepCommand;
}

export type StepCommand =
  | { readonly kind: 'shell'; readonly script: string }
  | { readonly kind: 'argv'; readonly argv: readonly string[] };
