import { join } from 'node:path';
import { withBuildLog } from '../cache/build-log.ts';
import { ensureEntry, type HeldEntry } from '../cache/entry.ts';
import { ARTIFACT_FILES, entryPlace } from '../cache/layout.ts';
import { printableTitle } from '../cache/manifest.ts';
import type { DockerfileWork, ImageContext } from '../guest-image.ts';
import type { LayerFile } from '../oci/layer/merge-layers.ts';
import { ociRootfsKey } from '../recipe-keys.ts';
import type { BaseImage } from './base-images.ts';
import { treeOf } from './base-store.ts';
import { dockerfileInvalid } from './dockerfile-error.ts';

/** As many as the builder's VM has devices for, beside its disk (machine-spec.ts). */
const MAX_TREES = 15;

/** Trees of base images for a builder; they stay in the cache until `release()`. */
export interface BaseTrees {
  readonly trees: DockerfileWork['trees'];
  release(): void;
}

/**
 * Makes the tree of each base image ready as a squashfs, which a builder mounts. Sandboxes of these images use the same files.
 * @param path  The Dockerfile.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID for too many images; IMAGE_LAYER_INVALID, IMAGE_DIGEST_MISMATCH, and those of the cache.
 */
export async function ensureBaseTrees(
  bases: ReadonlyMap<BaseImage, readonly LayerFile[]>,
  path: string,
  context: ImageContext,
): Promise<BaseTrees> {
  if (bases.size > MAX_TREES) {
    throw dockerfileInvalid(
      path,
      null,
      `it uses ${bases.size} images, at most ${MAX_TREES} can be`,
    );
  }
  const held = new Map<string, HeldEntry>();
  const release = (): void => {
    for (const { lock } of held.values()) lock.release();
  };
  try {
    for (const [base, layers] of bases) {
      const place = treeOf(base.image.diffIds);
      // Images may differ in their configuration alone. One without layers has no tree.
      if (layers.length > 0 && !held.has(place)) {
        held.set(place, await ensureTree(base, layers, context));
      }
    }
  } catch (error) {
    release();
    throw error;
  }
  const trees = [...held].map(([place, { place: entry }]) => ({
    place,
    imagePath: join(entry.directory, ARTIFACT_FILES.rootfs[0]),
  }));
  return { trees, release };
}

function ensureTree(
  { image }: BaseImage,
  layers: readonly LayerFile[],
  context: ImageContext,
): Promise<HeldEntry> {
  const { options, onEvent, signal } = context;
  const title = printableTitle(image.name);
  // A working directory that no layer has is left to the build, as every builder does.
  const key = ociRootfsKey(image.diffIds, { workingDir: '' });
  const say = (phase: string, message: string) =>
    onEvent({ level: 'info', artifact: 'rootfs', phase, message, fraction: null });
  return ensureEntry(entryPlace(options.cacheDirectory, 'rootfs', key), {
    signal,
    // The image itself is not done yet.
    onEvent: (event) => {
      if (event.phase === 'done') say('pack', `${title} is unpacked`);
      else onEvent(event);
    },
    build: async (target) => {
      say('unpack', `unpacking ${title} for the build`);
      const { packLayers } = await import('../oci/layer/pack-layers.ts');
      await withBuildLog(options.cacheDirectory, `base-${key.slice(0, 16)}`, (logPath) =>
        packLayers(layers, {
          ...{ target, cwd: target, logPath, environment: {}, signal },
          onProgress: () => undefined,
        }),
      );
      return { title, kernelRelease: '' };
    },
  });
}
