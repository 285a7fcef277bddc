import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../../host/directories.ts';
import type { ImageSetup } from '../../plan/plan.ts';
import { ensureEntry } from '../cache/entry.ts';
import { ARTIFACT_FILES, type EntryPlace, entryPlace, logsDirectory } from '../cache/layout.ts';
import { withWorkDirectory } from '../cache/sweep.ts';
import type { EnsureImageOptions, GuestImage, ImageEvent } from '../guest-image.ts';
import type { ImageParts } from '../image-parts.ts';
import { packLayers } from '../oci/layer/pack-layers.ts';
import { imageTitle, type SetupRecipe, setupKey } from '../recipe.ts';
import { digestCopied } from './digest-copied.ts';

export interface SetupContext {
  readonly options: EnsureImageOptions;
  readonly onEvent: (event: ImageEvent) => void;
  readonly signal: AbortSignal;
}

/** Where the packing of the root file system begins in the progress of a setup. */
const PACK_FROM = 0.9;

/**
 * Makes the root file system of a setup ready: takes it from the cache, or boots the image below, runs the setup there, and packs
 * what its root has become. Takes `base` over: it is released with the result, or when this rejects.
 *
 * @param boot  Makes the image below ready to boot; it is released here.
 * @throws {GondolinError} IMAGE_SETUP_FAILED, those of a VM, of `packLayers` and of the cache.
 */
export async function ensureSetup(
  recipe: SetupRecipe,
  base: ImageParts,
  context: SetupContext,
  boot: () => Promise<GuestImage>,
): Promise<ImageParts> {
  try {
    const { options, signal } = context;
    const copied = await digestCopied(recipe.setup.copy, signal);
    const place = entryPlace(options.cacheDirectory, 'rootfs', setupKey(recipe, base, copied));
    const entry = await ensureEntry(place, {
      ...context,
      findMismatch: ({ createdAtMs }) =>
        createdAtMs < (options.rebuildBeforeMs ?? 0) ? 'a new one was asked for' : null,
      build: async (target) => {
        await withWorkDirectory(place.parent, (directory) =>
          setUpRootfs(recipe.setup, { place, target, directory, boot }, context),
        );
        const title = imageTitle(recipe)
          .replaceAll(/[^\x20-\x7e]/g, '?')
          .slice(0, 1000);
        return { title, kernelRelease: '' };
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
 * Boots an image, runs a setup in it, and packs what its root has become into `target`.
 * @throws {GondolinError} IMAGE_SETUP_FAILED, those of a VM and of `packLayers`.
 */
export async function setUpRootfs(
  setup: ImageSetup,
  { place, target, directory, boot }: SetupBuild,
  { options, onEvent, signal }: SetupContext,
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
  const logs = logsDirectory(options.cacheDirectory);
  await ensureDirectory(logs);
  const logPath = join(logs, `setup-${place.key.slice(0, 16)}.log`);
  // The guest is hostile: what it sent is read as any archive of a stranger.
  const layer = {
    diffId: `sha256:${archive.sha256}`,
    sizeBytes: archive.sizeBytes,
    open: () => createReadStream(archivePath, { highWaterMark: 1024 * 1024 }),
  };
  const message = 'packing the root file system';
  await packLayers([layer], {
    ...{ target, cwd: directory, logPath, environment: {}, signal },
    onProgress: (done) => {
      const fraction = PACK_FROM + (1 - PACK_FROM) * done;
      onEvent({ level: 'info', artifact: 'rootfs', phase: 'pack', message, fraction });
    },
  });
  await rm(logPath, { force: true });
}
