import type {
  DependencyConfig,
  HealthcheckConfig,
  NetworkConfig,
  SandboxConfig,
  SecretConfig,
  ServiceConfig,
  StepConfig,
  VolumeConfig,
} from '../config/config.ts';

/**
 * Everything a run needs to know, as plain data. `buildPlan` builds it from Config; `gondolin plan --format json` prints it.
 * Paths are absolute, sizes are in bytes, times in milliseconds. It contains no value of a secret, but variables may: print it
 * with `renderPlan` or `renderPlanJson`.
 */
export interface Plan {
  /** Project name, `[a-z0-9][a-z0-9_-]*`. */
  readonly name: string;
  /** The project file and all its includes; read-only in every guest. */
  readonly configFiles: readonly string[];
  /**
   * Other host files that decide what a run may do: read-only in every guest, and a missing one cannot be created there. They are
   * those of the whole project file, whichever sandboxes are run.
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
      /** A string runs in a shell, a list without one. */
      readonly command: string | readonly string[];
      readonly directory: string;
    };

export interface SandboxPlan
  extends Pick<
    SandboxConfig,
    'matrix' | 'matrixOf' | 'profiles' | 'shards' | 'artifacts' | 'reports' | 'watch'
  > {
  readonly name: string;
  readonly image: ImagePlan;
  readonly vm: VmPlan;
  readonly network: NetworkPlan;
  /** Sources of the values, never the values. */
  readonly secrets: readonly SecretConfig[];
  /** Reaction if this sandbox's guest could change the plan's `hostCode`. */
  readonly onWritableCode: 'fail' | 'warn';
  /** In the order they run: topological by `needs`, otherwise in file order. */
  readonly steps: readonly StepPlan[];
  /** The command that keeps running after the steps; null if the sandbox ends with them. */
  readonly service: ServicePlan | null;
  /** Sandboxes of the plan that start first. */
  readonly dependsOn: readonly DependencyConfig[];
}

/** `run:` of the project file and the keys about it, with commands in the form they are run in. */
export interface ServicePlan extends Omit<ServiceConfig, 'run' | 'healthcheck'> {
  readonly command: StepCommand;
  readonly healthcheck: HealthcheckPlan | null;
}

export interface HealthcheckPlan extends Omit<HealthcheckConfig, 'test'> {
  readonly command: StepCommand;
}

export interface ImagePlan {
  /** Name as the user wrote it, such as `debian` or a key of `images:`. */
  readonly name: string;
  readonly recipe: ImageRecipe;
}

/**
 * The source of an image; its canonical JSON is hashed into the cache key.
 *
 * @example
 * const image: ImageRecipe = {
 *   kind: 'debian',
 *   arch: 'x86_64',
 *   release: 'bookworm',
 *   packages: ['git', 'make'],
 *   mirror: null,
 * };
 * const vm = await VM.create({ image });
 */
export type ImageRecipe =
  | {
      readonly kind: 'debian';
      readonly arch: 'x86_64' | 'aarch64';
      /** Debian code name, such as `bookworm`. */
      readonly release: string;
      /** Extra packages, sorted, no duplicates. */
      readonly packages: readonly string[];
      /** Base URL of the mirror; null for the mirrors of the host's apt configuration. */
      readonly mirror: string | null;
      /** The time that the packages are of, such as `2026-11-01T00:00:00Z`: `mirror` is then that of a snapshot service. @default today */
      readonly snapshot?: string;
      /**
       * The packages that the image has, as a lock file writes them: `VERSION sha256:DIGEST` by name. `base` are those of an image
       * without extra packages and its kernel, `added` what the extra ones bring. @default the newest
       */
      readonly locked?: {
        readonly base: Readonly<Record<string, string>>;
        readonly added: Readonly<Record<string, string>>;
      };
    }
  | { readonly kind: 'path'; readonly path: string }
  | {
      readonly kind: 'oci';
      /** A reference as Docker writes it, `oci-layout:` or `docker-archive:` with an absolute path. */
      readonly source: string;
      readonly arch: 'x86_64' | 'aarch64';
      /** Debian release of the kernel. */
      readonly release: string;
      /** When the registry is asked what the reference means: if this machine does not know it, at each start, or never. */
      readonly pull: 'missing' | 'always' | 'never';
      /** The digest that the reference has to have, `sha256:` and 64 hex digits; null for whatever the registry says. */
      readonly digest: string | null;
      /** The kernel's package as a lock file writes it: `VERSION sha256:DIGEST` by name. @default the newest */
      readonly kernel?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'alpine';
      readonly arch: 'x86_64' | 'aarch64';
      /** `3.23`, or `edge`. */
      readonly version: string;
      /** Directory of the mirror; null for that of the version, such as `v3.23`. */
      readonly branch: string | null;
      /** Extra packages, sorted, no duplicates; perhaps with versions (`nodejs~22`). */
      readonly packages: readonly string[];
      /** URL above `v3.23/`; null for that of `GONDOLIN_ALPINE_MIRROR`. */
      readonly mirror: string | null;
      /** Directory with the public keys that repositories may be signed with; null for the user's own. */
      readonly keys: string | null;
      /** Debian release of the kernel. */
      readonly release: string;
      /** The packages that the image has, as a lock file writes them: `VERSION CHECKSUM` by name. @default the newest */
      readonly locked?: Readonly<Record<string, string>>;
      /** The kernel's package as a lock file writes it: `VERSION sha256:DIGEST` by name. @default the newest */
      readonly kernel?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'dockerfile';
      /** Absolute path of the Dockerfile. */
      readonly path: string;
      /** Absolute path of the directory that COPY and ADD read. */
      readonly context: string;
      /** Values of its ARGs; they can be read in the image. */
      readonly args: Readonly<Record<string, string>>;
      /** The stage that is the image; null for the last. */
      readonly target: string | null;
      readonly arch: 'x86_64' | 'aarch64';
      /** Debian release of the kernel. */
      readonly release: string;
      /** When a registry is asked what the reference of a FROM means. */
      readonly pull: 'missing' | 'always' | 'never';
      /** The digests that references of the Dockerfile have to have. @default whatever the registries say */
      readonly digests?: Readonly<Record<string, string>>;
      /** The kernel's package as a lock file writes it: `VERSION sha256:DIGEST` by name. @default the newest */
      readonly kernel?: Readonly<Record<string, string>>;
      /** The packages of the image that builds it, as those of an image of Debian. @default the newest */
      readonly builder?: {
        readonly base: Readonly<Record<string, string>>;
        readonly added: Readonly<Record<string, string>>;
      };
      /** For `RUN --mount=type=secret,id=NAME`: the build gets placeholders, and the hosts of a secret its value. */
      readonly secrets: readonly SecretConfig[];
      /** The hosts that the instructions may reach: keys as in `network:` of a sandbox. */
      readonly network: Pick<NetworkConfig, 'allowedHosts' | 'allowedPrivate' | 'extraHosts'>;
    }
  | {
      readonly kind: 'setup';
      /** The image that is changed. */
      readonly base: BaseRecipe;
      readonly setup: ImageSetup;
    };

/**
 * An image that is no change of another.
 *
 * @example
 * const base: BaseRecipe = { kind: 'path', path: '/srv/image' };
 */
export type BaseRecipe = Exclude<ImageRecipe, { kind: 'setup' }>;

/**
 * Changes to an image, made once in a VM of it: files are copied in, then commands are run, as root.
 *
 * @example
 * const setup: ImageSetup = {
 *   copy: [],
 *   commands: ['useradd --create-home app'],
 *   network: { allowedHosts: [], allowedPrivate: [], extraHosts: [] },
 * };
 * const base = { kind: 'debian', arch: 'x86_64', release: 'bookworm', packages: [], mirror: null } as const;
 * const vm = await VM.create({ image: { kind: 'setup', base, setup } });
 */
export interface ImageSetup {
  /** Absolute paths of files and directories of the host, and their places in the guest. */
  readonly copy: readonly { readonly hostPath: string; readonly guestPath: string }[];
  /** Each runs in a shell of the image, from `/`; one that fails ends the build. */
  readonly commands: readonly string[];
  /** The hosts that the commands may reach: keys as in `network:` of a sandbox. */
  readonly network: Pick<NetworkConfig, 'allowedHosts' | 'allowedPrivate' | 'extraHosts'>;
}

/** `network:` of the project file, except that `allowedHosts` includes the hosts of the secrets. */
export type NetworkPlan = NetworkConfig;

/** The keys of the sandbox that make its VM, as in the project file. */
export interface VmPlan
  extends Pick<
    SandboxConfig,
    | 'cpus'
    | 'memoryBytes'
    | 'root'
    | 'diskBytes'
    | 'user'
    | 'env'
    | 'envOutputs'
    | 'maskedEnv'
    | 'workspace'
    | 'timeoutMs'
    | 'ports'
    | 'hide'
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
