import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { ImageSetup } from '../../plan/plan.ts';
import { withBuildLog } from '../cache/build-log.ts';
import { ensureEntry, findOld } from '../cache/entry.ts';
import { ARTIFACT_FILES, type EntryPlace, entryPlace } from '../cache/layout.ts';
import { printableTitle } from '../cache/manifest.ts';
import { withWorkDirectory } from '../cache/sweep.ts';
import type { GuestImage, ImageContext } from '../guest-image.ts';
import type { ImageParts } from '../image-parts.ts';
import { packLayers } from '../oci/layer/pack-layers.ts';
import type { SetupRecipe } from '../recipe.ts';
import { setupKey } from '../recipe-keys.ts';
import { imageTitle } from '../recipe-title.ts';
import { digestCopied } from './digest-copied.ts';

/** Where the packing of the root file system begins in the progress of a setup. */
const PACK_FROM = 0.9;

/**
 * Makes the root file system of a setup ready: takes it from the cache, or boots the image below, runs the setup there, and packs
 * the changed root. Takes ownership of `base`, which is released with the result, or when this rejects.
 *
 * @param boot  Makes the image below ready to boot; it is released here.
 * @throws {GondolinError} IMAGE_SETUP_FAILED, those of a VM, of `packLayers` and of the cache.
 */
export async function ensureSetup(
  recipe: SetupRecipe,
  base: ImageParts,
  context: ImageContext,
  boot: () => Promise<GuestImage>,
): Promise<ImageParts> {
  try {
    const { options, signal } = context;
    const copied = await digestCopied(recipe.setup.copy, signal);
    const place = entryPlace(options.cacheDirectory, 'rootfs', setupKey(recipe, base, copied));
    const entry = await ensureEntry(place, {
      ...context,
      findMismatch: (manifest) => findOld(manifest, options),
      build: async (target) => {
        await withWorkDirectory(place.parent, (directory) =>
          setUpRootfs(recipe.setup, { place, target, directory, boot }, context),
        );
        return { title: printableTitle(imageTitle(recipe)), kernelRelease: '' };
      },
    });
    const [rootfs] = ARTIFACT_FILES.rootfs;
    const file = entry.manifest.files[rootfs];
    return {
      ...base,
      rootfsPath: join(entry.place.directory, rootfs),
      sizeBytes: base.sizeBytes + (file?.sizeBytes ?? 0),
      digests: [...base.digests, file?.sha256 ?? ''].toSorted(),
      release: () => {
        entry.lock.release();
        base.release();
      },
    };
  } catch (error) {
    base.release();
    throw error;
  }
}

/** A root file system that is made by a setup. */
export interface SetupBuild {
  readonly place: EntryPlace;
  readonly target: string;
  readonly directory: string;
  readonly boot: () => Promise<GuestImage>;
}

/**
 * Boots an image, runs a setup in it, and packs the changed root into `target`.
 * @throws {GondolinError} IMAGE_SETUP_FAILED, those of a VM and of `packLayers`.
 */
export async function setUpRootfs(
  setup: ImageSetup,
  { place, target, directory, boot }: SetupBuild,
  { options, onEvent, signal }: ImageContext,
): Promise<void> {
  const { setUp } = options;
  if (setUp === undefined) throw new TypeError('options.setUp is needed for an image with a setup');
  const archivePath = join(directory, 'root.tar');
  const image = await boot();
  let archive: Awaited<ReturnType<typeof setUp>>;
  try {
    archive = await setUp(image, { setup, directory, archivePath, onEvent, signal });
  } finally {
    await image.release();
  }
  // The guest is hostile: what it sent is read as any archive of a stranger.
  const layer = {
    diffId: `sha256:${archive.sha256}`,
    sizeBytes: archive.sizeBytes,
    open: () => createReadStream(archivePath, { highWaterMark: 1024 * 1024 }),
  };
  const message = 'packing the root file system';
  await withBuildLog(options.cacheDirectory, `setup-${place.key.slice(0, 16)}`, (logPath) =>
    packLayers([layer], {
      ...{ target, cwd: directory, logPath, environment: {}, signal },
      onProgress: (done) => {
        const fraction = PACK_FROM + (1 - PACK_FROM) * done;
        onEvent({ level: 'info', artifact: 'rootfs', phase: 'pack', message, fraction });
      },
    }),
  );
}
