import { resolveDirectories } from '../host/directories.ts';
import {
  guestDirectoryOverride,
  hostDebianRelease,
  proxyEnvironment,
} from '../host/image-environment.ts';
import { guestAgentPath } from '../host/package-root.ts';
import { ensureImage } from '../image/ensure-image.ts';
import type { GuestImage } from '../image/guest-image.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import type { NormalVMOptions } from './normalize-options.ts';
import { describedNetwork } from './open-network.ts';

/** An image in use; `release` lets the cache remove it again. It does nothing for an image that the caller brought. */
export interface AcquiredImage {
  readonly image: GuestImage;
  readonly release: () => Promise<void>;
}

function toRecipe(options: NormalVMOptions): ImageRecipe {
  const path = options.sandbox?.imagePath ?? guestDirectoryOverride();
  if (path !== undefined && options.image === undefined) return { kind: 'path', path };
  if (typeof options.image === 'object' && 'kind' in options.image) return options.image;
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return { kind: 'debian', arch, release: hostDebianRelease(), packages: [], mirror: null };
}

async function downloadVariables(options: NormalVMOptions): Promise<Record<string, string>> {
  const upstreamProxy = describedNetwork(options)?.upstreamProxy;
  if (upstreamProxy === undefined) return {};
  const { downloadEnvironment } = await import('../net/proxy/download-environment.ts');
  return downloadEnvironment(upstreamProxy);
}

/**
 * Returns the image that a VM boots, and builds it when the cache has none.
 * @throws {GondolinError} IMAGE_…, HOST_AGENT_NOT_BUILT.
 */
export async function resolveImage(options: NormalVMOptions): Promise<AcquiredImage> {
  if (typeof options.image === 'object' && 'vmlinuxPath' in options.image) {
    return { image: options.image, release: async () => undefined };
  }
  const { cache: cacheDirectory, snapshots: snapshotsDirectory } = resolveDirectories();
  const image = await ensureImage(toRecipe(options), {
    cacheDirectory,
    onBuilt: async () => {
      const { keepCacheSmall } = await import('../image/trim-cache.ts');
      const onWarning = (message: string) => options.onWarning?.(message);
      await keepCacheSmall({ cacheDirectory, snapshotsDirectory }, onWarning);
    },
    agentPath: guestAgentPath(),
    environment: { ...proxyEnvironment(), ...(await downloadVariables(options)) },
    onProgress: ({ message }) => options.onProgress?.(message),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { image, release: () => image.release() };
}
