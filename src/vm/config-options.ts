import { resolve } from 'node:path';
import { getWorkspace, type MountConfig, type VMConfig } from '../config/go/vm-config.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { createHttpHooks } from '../net/hooks/create-http-hooks.ts';
import { MemoryProvider } from '../vfs/memory-provider.ts';
import { OverlayProvider } from '../vfs/overlay-provider.ts';
import type { VfsProvider } from '../vfs/provider.ts';
import { ReadonlyProvider } from '../vfs/readonly-provider.ts';
import { RealFSProvider } from '../vfs/real-fs-provider.ts';
import type { VMOptions } from './vm-options.ts';

function invalid(field: string, problem: string, hint: string): GondolinError {
  return new GondolinError('CONFIG_INVALID', `invalid configuration: ${field}: ${problem}`, {
    hint,
  });
}

function hostProvider(field: string, hostPath: string | undefined, isReadonly: boolean) {
  if (hostPath === undefined || hostPath === '') {
    throw invalid(`${field}.host_path`, 'missing', 'Name the host path that is mounted there.');
  }
  return isReadonly ? new ReadonlyProvider(hostPath) : new RealFSProvider(hostPath);
}

function provider(field: string, mount: MountConfig): VfsProvider {
  const isReadonly = mount.readonly ?? false;
  switch (mount.type) {
    case 'memory':
      return isReadonly ? new ReadonlyProvider(new MemoryProvider()) : new MemoryProvider();
    case 'real_fs':
      return hostProvider(field, mount.host_path, isReadonly);
    case 'overlay': {
      const files = overlayOf(field, mount);
      return isReadonly ? new ReadonlyProvider(files) : files;
    }
    default:
      throw invalid(
        `${field}.type`,
        `${JSON.stringify(mount.type)} is unknown, want "memory", "real_fs" or "overlay"`,
        'Use one of those, or pass a provider of your own in vfs.mounts of VM.create.',
      );
  }
}

function overlayOf(field: string, { upper, lower }: MountConfig): OverlayProvider {
  if (lower === undefined) {
    throw invalid(`${field}.lower`, 'missing', 'Name the mount that is shown below the changes.');
  }
  if (upper?.readonly === true) {
    const hint = 'Changes go there: leave out `readonly`, or `upper` to keep them in memory.';
    throw invalid(`${field}.upper.readonly`, 'true', hint);
  }
  const changes = upper === undefined ? new MemoryProvider() : provider(`${field}.upper`, upper);
  return new OverlayProvider(changes, provider(`${field}.lower`, lower));
}

function mountsOf({ vfs }: VMConfig): Record<string, VfsProvider> {
  const direct = Object.entries(vfs?.direct_mounts ?? {}).map(([path, mount]) => {
    const field = `vfs.direct_mounts[${JSON.stringify(path)}]`;
    return [path, hostProvider(field, mount.host_path, mount.readonly ?? false)] as const;
  });
  const others = Object.entries(vfs?.mounts ?? {}).map(([path, mount]) => {
    return [path, provider(`vfs.mounts[${JSON.stringify(path)}]`, mount)] as const;
  });
  return Object.fromEntries([...direct, ...others]);
}

function imageOf({ image }: VMConfig): Pick<VMOptions, 'image'> {
  if (image === undefined || image === '') return {};
  if (image === 'debian') return { image };
  if (image.includes('/')) return { image: { kind: 'path', path: resolve(image) } };
  throw invalid(
    'image',
    `${JSON.stringify(image)} is unknown, want "debian" or a directory`,
    'Write ./NAME for a directory with a built image.',
  );
}

function hooksOf({ network }: VMConfig): Pick<VMOptions, 'httpHooks'> {
  if (network === undefined) return {};
  const { allowed_hosts: allowedHosts = [], block_private_ips = true, secrets = {} } = network;
  if (network.policy_script !== undefined && network.policy_script !== '') {
    throw invalid(
      'network.policy_script',
      'not supported here',
      'Import the functions of the script, and pass them to createHttpHooks.',
    );
  }
  const withPlaceholder = Object.entries(secrets).find(([, secret]) => secret.placeholder);
  if (withPlaceholder !== undefined) {
    throw invalid(
      `network.secrets[${JSON.stringify(withPlaceholder[0])}].placeholder`,
      'not supported',
      'Leave it out: each VM makes placeholders of its own.',
    );
  }
  const hooks = { allowedHosts, secrets, blockInternalRanges: block_private_ips };
  return { httpHooks: createHttpHooks(hooks) };
}

/**
 * Returns the options of `VM.create` for a `Config` of the Go API. Without `network` the VM has none. The working directory is the
 * workspace if something is mounted there. Not converted: `disk_size_mb` (the writable root is in memory) and `timeout_seconds`,
 * which `exec` takes as `timeoutMs`.
 * @throws {GondolinError} CONFIG_INVALID for an `overlay` without `lower`, a `policy_script`, an own placeholder, or an unknown image.
 *
 * @example
 * const config = mergeConfig(defaultConfig(), parseConfig('{"resources": {"cpus": 2}}'));
 * const vm = await VM.create(toVMOptions(config));
 */
export function toVMOptions(config: VMConfig): VMOptions {
  const { resources = {}, env } = config;
  const mounts = mountsOf(config);
  const workspace = getWorkspace(config);
  return {
    ...imageOf(config),
    ...hooksOf(config),
    ...((resources.cpus ?? 0) > 0 ? { cpus: resources.cpus } : {}),
    ...((resources.memory_mb ?? 0) > 0 ? { memory: `${resources.memory_mb}MiB` } : {}),
    ...(env === undefined ? {} : { env }),
    ...(Object.hasOwn(mounts, workspace) ? { cwd: workspace } : {}),
    vfs: { mounts },
  };
}
