import { withBuildLog } from '../cache/build-log.ts';
import { ensureEntry, type HeldEntry } from '../cache/entry.ts';
import { entryPlace } from '../cache/layout.ts';
import { printableTitle } from '../cache/manifest.ts';
import type { ImageContext } from '../guest-image.ts';
import type { OciRecipe } from '../recipe.ts';
import { ociRootfsKey } from '../recipe-keys.ts';
import type { ContainerConfig } from './documents/image-config.ts';
import { fetchLayers, progressReporter } from './fetch-layers.ts';
import { type FoundImage, findImage } from './find-image.ts';
import { openRegistries } from './open-registry.ts';
import type { LayerSource } from './source/resolved-image.ts';

/** The root file system of an OCI image, in use. */
export interface OciRootfs {
  readonly entry: HeldEntry;
  readonly container: ContainerConfig;
}

/** Share of the work that downloading is, in the progress. */
const DOWNLOAD_SHARE = 0.7;

/**
 * Makes the root file system of an OCI image ready: takes it from the cache, or downloads the layers and packs them.
 * @throws {GondolinError} IMAGE_REFERENCE_*, IMAGE_REGISTRY_*, IMAGE_CREDENTIALS_FAILED, IMAGE_DIGEST_MISMATCH,
 * IMAGE_LAYER_INVALID, IMAGE_MANIFEST_INVALID, IMAGE_PLATFORM_MISSING, IMAGE_NOT_PULLED, IMAGE_NOT_FOUND, and those of
 * the cache.
 */
export async function ensureOciRootfs(
  recipe: OciRecipe,
  context: ImageContext,
): Promise<OciRootfs> {
  const registries = await openRegistries(context.options, context.signal);
  try {
    return await ensureFound(await findImage(recipe, registries, context), context);
  } finally {
    await registries.close();
  }
}

async function ensureFound(image: FoundImage, context: ImageContext): Promise<OciRootfs> {
  const { cacheDirectory } = context.options;
  const key = ociRootfsKey(image.diffIds, image.container);
  const place = entryPlace(cacheDirectory, 'rootfs', key);
  const entry = await ensureEntry(place, {
    ...context,
    build: async (target) => {
      await image.withLayers((layers) => buildRootfs(image, layers, target, context));
      return { title: printableTitle(image.name), kernelRelease: '' };
    },
  });
  try {
    await image.remember();
  } catch (error) {
    entry.lock.release();
    throw error;
  }
  return { entry, container: image.container };
}

async function buildRootfs(
  image: FoundImage,
  layers: readonly LayerSource[],
  target: string,
  context: ImageContext,
): Promise<void> {
  const held: { release(): void }[] = [];
  try {
    const files = await fetchLayers(layers, image, held, context, DOWNLOAD_SHARE);
    const { packLayers } = await import('./layer/pack-layers.ts');
    const say = progressReporter(context, 'unpack', `unpacking ${printableTitle(image.name)}`);
    const logName = `oci-${image.sourceDigest.slice('sha256:'.length, 23)}`;
    await withBuildLog(context.options.cacheDirectory, logName, (logPath) =>
      packLayers(files, {
        ...{ target, cwd: target, logPath, environment: {}, signal: context.signal },
        // Container runtimes make it when they start one.
        workingDir: image.container.workingDir,
        onProgress: (fraction) => say(DOWNLOAD_SHARE + (1 - DOWNLOAD_SHARE) * fraction),
      }),
    );
  } finally {
    for (const layer of held) layer.release();
  }
}
