import { existsSync } from 'node:fs';
import { resolveDirectories } from '../host/directories.ts';
import { guestDirectoryOverride, hostPlatform } from '../host/image-environment.ts';
import { qemuName, requireTool } from '../host/tools.ts';
import { ensureImage } from '../image/ensure-image.ts';
import type { GuestImage } from '../image/guest-image.ts';
import { archOf } from '../image/recipe.ts';
import { findTagged } from '../image/tags/tag-store.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { imageCacheOptions } from './image-cache-options.ts';
import type { NormalVMOptions } from './normalize-options.ts';
import { describedNetwork } from './open-network.ts';

/** An image in use; `release` lets the cache remove it again. It does nothing for an image that the caller brought. */
export interface AcquiredImage {
  readonly image: GuestImage;
  readonly release: () => Promise<void>;
}

/** The directory of the image that has this name on this machine. */
function findNamed(name: string): string | null {
  return findTagged(resolveDirectories().taggedImages, name);
}

function toRecipe(options: NormalVMOptions): ImageRecipe {
  const wanted = options.sandbox?.imagePath ?? guestDirectoryOverride();
  if (wanted !== undefined && options.image === undefined) {
    return { kind: 'path', path: existsSync(wanted) ? wanted : (findNamed(wanted) ?? wanted) };
  }
  if (typeof options.image === 'object' && 'kind' in options.image) return options.image;
  return { kind: 'debian', ...hostPlatform(), packages: [], mirror: null };
}

async function downloadVariables(options: NormalVMOptions): Promise<Record<string, string>> {
  const upstreamProxy = describedNetwork(options)?.upstreamProxy;
  if (upstreamProxy === undefined) return {};
  const { downloadEnvironment } = await import('../net/proxy/download-environment.ts');
  return downloadEnvironment(upstreamProxy);
}

/**
 * Returns the image that a VM boots, and builds it when the cache has none.
 * @throws {GondolinError} IMAGE_…, HOST_AGENT_NOT_BUILT, HOST_TOOL_NOT_FOUND without QEMU.
 */
export async function resolveImage(options: NormalVMOptions): Promise<AcquiredImage> {
  if (typeof options.image === 'object' && 'vmlinuxPath' in options.image) {
    return { image: options.image, release: async () => undefined };
  }
  // Before minutes of downloads that are of no use without it.
  const recipe = toRecipe(options);
  requireTool(qemuName(archOf(recipe) ?? 'x86_64'));
  const own = imageCacheOptions((message) => options.onWarning?.(message));
  const image = await ensureImage(recipe, {
    ...own,
    environment: { ...own.environment, ...(await downloadVariables(options)) },
    ...(options.setUp === undefined ? {} : { setUp: options.setUp }),
    ...(options.dockerfileBuilder === undefined
      ? {}
      : { dockerfileBuilder: options.dockerfileBuilder }),
    onProgress: ({ message }) => options.onProgress?.(message),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { image, release: () => image.release() };
}
