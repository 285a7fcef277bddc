/**
 * CPUs of {@link defaultConfig}.
 *
 * @example
 * const cpus = Math.max(2, DEFAULT_CPUS);
 */
export const DEFAULT_CPUS: number = 1;
/**
 * Memory of {@link defaultConfig} in MiB.
 *
 * @example
 * const memory = `${2 * DEFAULT_MEMORY_MB}MiB`;
 */
export const DEFAULT_MEMORY_MB: number = 512;
/**
 * Disk size of {@link defaultConfig} in MiB.
 *
 * @example
 * const diskBytes = DEFAULT_DISK_SIZE_MB * 2 ** 20;
 */
export const DEFAULT_DISK_SIZE_MB: number = 5120;
/**
 * Time limit of {@link defaultConfig} in seconds.
 *
 * @example
 * const timeoutMs = DEFAULT_TIMEOUT_SECONDS * 1000;
 */
export const DEFAULT_TIMEOUT_SECONDS: number = 300;
/**
 * Guest path of the workspace of {@link defaultConfig}.
 *
 * @example
 * const cwd = `${DEFAULT_WORKSPACE}/src`;
 */
export const DEFAULT_WORKSPACE: string = '/workspace';

/**
 * A mount of {@link VMConfig}: `memory`, a host directory (`real_fs`), or an `overlay` of two mounts.
 *
 * @example
 * const source: MountConfig = { type: 'real_fs', host_path: '/srv/project', readonly: true };
 */
export interface MountConfig {
  readonly type: string;
  readonly host_path?: string;
  readonly readonly?: boolean;
  readonly upper?: MountConfig;
  readonly lower?: MountConfig;
}

/**
 * The `Config` of the Go API, by the names of its JSON.
 *
 * @example
 * const config: VMConfig = { resources: { cpus: 2 }, network: { allowed_hosts: ['registry.example.com'] } };
 */
export interface VMConfig {
  readonly image?: string;
  readonly resources?: {
    readonly cpus?: number;
    readonly memory_mb?: number;
    readonly disk_size_mb?: number;
    readonly timeout_seconds?: number;
  };
  readonly network?: {
    readonly allowed_hosts?: readonly string[];
    readonly block_private_ips?: boolean;
    readonly secrets?: Readonly<
      Record<
        string,
        { readonly value: string; readonly placeholder?: string; readonly hosts: readonly string[] }
      >
    >;
    readonly policy_script?: string;
  };
  readonly vfs?: {
    readonly workspace?: string;
    readonly direct_mounts?: Readonly<
      Record<string, { readonly host_path: string; readonly readonly?: boolean }>
    >;
    readonly mounts?: Readonly<Record<string, MountConfig>>;
  };
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Returns the defaults of the Go API: 1 CPU, 512 MiB, a disk of 5120 MiB, 300 seconds, private addresses blocked, and memory at
 * `/workspace`.
 *
 * @example
 * const config = mergeConfig(defaultConfig(), { resources: { memory_mb: 1024 } });
 * console.log(config.resources?.cpus); // 1
 */
export function defaultConfig(): VMConfig {
  return {
    resources: {
      cpus: DEFAULT_CPUS,
      memory_mb: DEFAULT_MEMORY_MB,
      disk_size_mb: DEFAULT_DISK_SIZE_MB,
      timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
    },
    network: { block_private_ips: true },
    vfs: { workspace: DEFAULT_WORKSPACE, mounts: { [DEFAULT_WORKSPACE]: { type: 'memory' } } },
  };
}

/** Numbers of `resources` that count: above 0. */
function given(resources: VMConfig['resources']): NonNullable<VMConfig['resources']> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([, number]) => number > 0));
}

/**
 * Returns `base` with what `other` has: its image when it is not empty, each of its resources above 0, and its network, vfs and
 * env as a whole. Neither is changed, nor shared with the result.
 *
 * @example
 * const config = mergeConfig(defaultConfig(), { env: { CI: '1' } });
 */
export function mergeConfig(base: VMConfig, other: VMConfig): VMConfig {
  const image = other.image === undefined || other.image === '' ? base.image : other.image;
  const resources = { ...base.resources, ...given(other.resources) };
  const hasResources = base.resources !== undefined || other.resources !== undefined;
  const { network = base.network, vfs = base.vfs, env = base.env } = other;
  return structuredClone({
    ...(image === undefined ? {} : { image }),
    ...(hasResources ? { resources } : {}),
    ...(network === undefined ? {} : { network }),
    ...(vfs === undefined ? {} : { vfs }),
    ...(env === undefined ? {} : { env }),
  });
}

/**
 * Returns the guest path of the workspace of a config: its own, or `/workspace`.
 *
 * @example
 * console.log(getWorkspace({ vfs: { workspace: '/src' } })); // /src
 */
export function getWorkspace({ vfs }: VMConfig): string {
  return vfs?.workspace === undefined || vfs.workspace === '' ? DEFAULT_WORKSPACE : vfs.workspace;
}
