import { eachAtOnce } from '../../util/each-at-once.ts';
import { formatBytes } from '../../util/quantities.ts';
import { withBuildLog } from '../cache/build-log.ts';
import { ensureEntry, type HeldEntry } from '../cache/entry.ts';
import { entryPlace } from '../cache/layout.ts';
import { printableTitle } from '../cache/manifest.ts';
import { type OciRecipe, ociRootfsKey } from '../recipe.ts';
import type { ContainerConfig } from './documents/image-config.ts';
import { type FoundImage, findImage, type OciContext } from './find-image.ts';
import type { LayerFile } from './layer/merge-layers.ts';
import { openRegistries } from './open-registry.ts';
import type { LayerSource } from './source/resolved-image.ts';

/** The root file system of an OCI image, in use. */
export interface OciRootfs {
  readonly entry: HeldEntry;
  readonly container: ContainerConfig;
}

/** Layers that are downloaded at once. */
const DOWNLOADS = 4;
/** Share of the work that downloading is, in the progress. */
const DOWNLOAD_SHARE = 0.7;

/**
 * Makes the root file system of an OCI image ready: takes it from the cache, or downloads the layers and packs them.
 * @throws {GondolinError} IMAGE_REFERENCE_*, IMAGE_REGISTRY_*, IMAGE_CREDENTIALS_FAILED, IMAGE_DIGEST_MISMATCH,
 * IMAGE_LAYER_INVALID, IMAGE_MANIFEST_INVALID, IMAGE_PLATFORM_MISSING, IMAGE_NOT_PULLED, IMAGE_NOT_FOUND, and those of
 * the cache.
 */
export async function ensureOciRootfs(recipe: OciRecipe, context: OciContext): Promise<OciRootfs> {
  const registries = await openRegistries(context.options, context.signal);
  try {
    return await ensureFound(await findImage(recipe, registries, context), context);
  } finally {
    await registries.close();
  }
}

async function ensureFound(image: FoundImage, context: OciContext): Promise<OciRootfs> {
  const { cacheDirectory } = context.options;
  const place = entryPlace(cacheDirectory, 'rootfs', ociRootfsKey(image.diffIds));
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
  context: OciContext,
): Promise<void> {
  const held: { release(): void }[] = [];
  try {
    const files = await fetchLayers(layers, image, held, context);
    const { packLayers } = await import('./layer/pack-layers.ts');
    const say = reporter(context, 'unpack', `unpacking ${printableTitle(image.name)}`);
    const logName = `oci-${image.sourceDigest.slice('sha256:'.length, 23)}`;
    await withBuildLog(context.options.cacheDirectory, logName, (logPath) =>
      packLayers(files, {
        ...{ target, cwd: target, logPath, environment: {}, signal: context.signal },
        onProgress: (fraction) => say(DOWNLOAD_SHARE + (1 - DOWNLOAD_SHARE) * fraction),
      }),
    );
  } finally {
    for (const layer of held) layer.release();
  }
}

/** Fetches all layers, some at once; when one fails the others are stopped. */
async function fetchLayers(
  layers: readonly LayerSource[],
  { name, diffIds }: FoundImage,
  held: { release(): void }[],
  context: OciContext,
): Promise<LayerFile[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const total = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const shownTotal = formatBytes(total);
  const bytes = layers.map(() => 0);
  const progress = reporter(context, 'download', (fraction) => {
    const done = formatBytes(Math.round((total * fraction) / DOWNLOAD_SHARE));
    return `downloading ${printableTitle(name)}, ${done} of ${shownTotal}`;
  });
  const files = new Map<number, LayerFile>();
  await eachAtOnce(layers, { limit: DOWNLOADS, failed }, async (layer, index) => {
    const file = await layer.fetch(signal, (count) => {
      bytes[index] = count;
      const sum = bytes.reduce((all, one) => all + one, 0);
      progress((DOWNLOAD_SHARE * sum) / Math.max(1, total));
    });
    held.push(file);
    const { sizeBytes } = layer;
    files.set(index, { sizeBytes, diffId: diffIds[index] ?? '', open: file.open });
  });
  signal.throwIfAborted();
  return layers.map((_layer, index) => files.get(index)).filter((file) => file !== undefined);
}

/** Tells a progress once it has changed by a hundredth, and never a smaller one. */
function reporter(
  { onEvent }: OciContext,
  phase: string,
  message: string | ((fraction: number) => string),
): (fraction: number) => void {
  let told = -1;
  return (fraction) => {
    const hundredths = Math.floor(fraction * 100);
    if (hundredths <= told) return;
    told = hundredths;
    const text = typeof message === 'string' ? message : message(fraction);
    onEvent({ level: 'info', artifact: 'rootfs', phase, message: text, fraction });
  };
}
