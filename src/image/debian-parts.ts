import { join } from 'node:path';
import { ensureEntry, findOld, type HeldEntry } from './cache/entry.ts';
import { ARTIFACT_FILES, entryPlace } from './cache/layout.ts';
import type { ImageContext } from './guest-image.ts';
import type { ImageParts } from './image-parts.ts';
import type { ContainerConfig } from './oci/documents/image-config.ts';
import { baseRecipe, type DebianRecipe } from './recipe.ts';
import { kernelKey, rootfsKey } from './recipe-keys.ts';
import { titleOf } from './recipe-title.ts';
import { scaledEvents } from './scaled-events.ts';

type BuildDebianEntry = typeof import('./build-debian-entry.ts').buildDebianEntry;

/** Part of the work that a base is, when it has to be built. */
const BASE_SHARE = 0.6;

/** Makes both parts; when one fails the other is stopped. */
export async function ensureBoth(
  recipe: DebianRecipe,
  context: ImageContext,
  startRootfs: (
    kernel: Promise<HeldEntry>,
    whileBothGo: ImageContext,
  ) => Promise<{ entry: HeldEntry; container: ContainerConfig | null }>,
): Promise<ImageParts> {
  const other = new AbortController();
  const signal = AbortSignal.any([context.signal, other.signal]);
  const whileBothGo = { ...context, signal };
  const kernelBuild = ensureKernel(recipe, whileBothGo);
  const rootfsBuild = startRootfs(kernelBuild, whileBothGo);
  const both = [kernelBuild, rootfsBuild] as const;
  for (const one of both) one.catch((error: unknown) => other.abort(error));
  const [kernel, rootfs] = await Promise.allSettled(both);
  if (kernel.status === 'fulfilled' && rootfs.status === 'fulfilled') {
    return joinParts(recipe, kernel.value, rootfs.value.entry, rootfs.value.container);
  }
  if (kernel.status === 'fulfilled') kernel.value.lock.release();
  if (rootfs.status === 'fulfilled') rootfs.value.entry.lock.release();
  context.signal.throwIfAborted();
  throw other.signal.reason;
}

/** Makes the kernel of a recipe ready. */
export function ensureKernel(recipe: DebianRecipe, context: ImageContext): Promise<HeldEntry> {
  const place = entryPlace(context.options.cacheDirectory, 'kernel', kernelKey(recipe));
  return ensureEntry(place, {
    ...context,
    findMismatch: (manifest) => findOld(manifest, context.options),
    build: async (target) => {
      const kernelRelease = await build(place, recipe, target, {
        ...context,
        basePath: null,
        kernelRelease: '',
      });
      return { title: `linux ${kernelRelease}`, kernelRelease };
    },
  });
}

/**
 * Makes the root file system of Debian packages ready.
 * @param kernelRelease  Release of the modules that it holds; empty for none.
 */
export function ensureRootfs(
  recipe: DebianRecipe,
  kernelRelease: string,
  context: ImageContext,
): Promise<HeldEntry> {
  const place = entryPlace(context.options.cacheDirectory, 'rootfs', rootfsKey(recipe));
  return ensureEntry(place, {
    ...context,
    findMismatch: (manifest) =>
      manifest.kernelRelease === kernelRelease
        ? findOld(manifest, context.options)
        : `its modules are of ${manifest.kernelRelease}, and the kernel is ${kernelRelease}`,
    build: async (target) => {
      await withBase(recipe, context, (base) =>
        build(place, recipe, target, { ...context, ...base, kernelRelease }),
      );
      return { title: titleOf(recipe), kernelRelease };
    },
  });
}

/** Builds with the root file system that packages are added to, held meanwhile and built first where it is missing. */
async function withBase<T>(
  recipe: DebianRecipe,
  context: ImageContext,
  build: (base: Pick<ImageContext, 'onEvent'> & { readonly basePath: string | null }) => Promise<T>,
): Promise<T> {
  const { onEvent } = context;
  const base = baseRecipe(recipe);
  if (base === null) return build({ onEvent, basePath: null });
  let isBuilt = false;
  const ofBase = scaledEvents(onEvent, 0, BASE_SHARE);
  const held = await ensureRootfs(base, '', {
    ...context,
    onEvent: (event) => {
      isBuilt ||= event.phase === 'done';
      // The image itself is not done yet.
      ofBase(isBuilt ? { ...event, phase: 'pack', message: 'the base is ready' } : event);
    },
  });
  try {
    return await build({
      basePath: join(held.place.directory, ARTIFACT_FILES.rootfs[0]),
      onEvent: scaledEvents(onEvent, isBuilt ? BASE_SHARE : 0),
    });
  } finally {
    held.lock.release();
  }
}

/** Loads the builder only when something must be built: a warm start does not need it. */
async function build(...args: Parameters<BuildDebianEntry>): ReturnType<BuildDebianEntry> {
  const { buildDebianEntry } = await import('./build-debian-entry.ts');
  return buildDebianEntry(...args);
}

/** Joins a kernel and a root file system that are ready, and releases both as one. */
export function joinParts(
  { arch }: Pick<ImageParts, 'arch'>,
  kernel: HeldEntry,
  rootfs: HeldEntry | null,
  container: ContainerConfig | null,
): ImageParts {
  const entries = rootfs === null ? [kernel] : [kernel, rootfs];
  const files = entries.flatMap(({ manifest }) => Object.values(manifest.files));
  const [vmlinux, modules] = ARTIFACT_FILES.kernel;
  return {
    arch,
    vmlinuxPath: join(kernel.place.directory, vmlinux),
    modulesPath: join(kernel.place.directory, modules),
    modulesSha256: kernel.manifest.files[modules]?.sha256 ?? '',
    rootfsPath: rootfs === null ? null : join(rootfs.place.directory, ARTIFACT_FILES.rootfs[0]),
    kernelRelease: kernel.manifest.kernelRelease,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    digests: files.map(({ sha256 }) => sha256).toSorted(),
    container,
    release: () => {
      for (const { lock } of entries) lock.release();
    },
  };
}
