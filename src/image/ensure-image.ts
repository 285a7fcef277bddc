import { asHostError } from '../host/system-failure.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { addInitramfs, findAgent } from './add-initramfs.ts';
import type { BootRootfs } from './alpine/ensure-alpine-rootfs.ts';
import type { HeldEntry } from './cache/entry.ts';
import { ensureBoth, ensureKernel, ensureRootfs, joinParts } from './debian-parts.ts';
import type {
  BootImage,
  EnsureImageOptions,
  GuestImage,
  ImageContext,
  ImageEvent,
} from './guest-image.ts';
import type { ImageParts } from './image-parts.ts';
import { openPathImage } from './path-image.ts';
import {
  type AlpineRecipe,
  archOf,
  builderRecipe,
  checkDebianRecipe,
  type DebianRecipe,
  type DockerfileRecipe,
  kernelRecipe,
  type OciRecipe,
  type ProgramRecipe,
  type SetupRecipe,
  wantsModules,
} from './recipe.ts';
import { scaledEvents } from './scaled-events.ts';

/** Parts of the work that other images are, in the progress. */
const SETUP_BASE_SHARE = 0.5;
const BUILDER_SHARE = 0.15;

/**
 * Makes the recipe's image ready to boot: takes it from the cache, or builds it and puts it there. Entries are checked
 * on use, and built again when they are damaged. Release the result when the VM has ended.
 *
 * @throws {GondolinError} IMAGE_RECIPE_INVALID, IMAGE_NOT_FOUND, IMAGE_INVALID, IMAGE_AGENT_MISSING, IMAGE_ARCH_UNSUPPORTED,
 * IMAGE_TOOL_MISSING, IMAGE_BUILD_UNPRIVILEGED, IMAGE_SOURCES_MISSING, IMAGE_PACKAGE_UNKNOWN, IMAGE_KERNEL_INVALID,
 * IMAGE_BUILD_FAILED, those of `ensureOciRootfs` for an OCI image, those of `ensureAlpineRootfs` for one of Alpine packages,
 * those of `ensureDockerfileRootfs` for one of a Dockerfile, and HOST_* of the cache directory.
 * @throws the signal's reason when it aborts; nothing is left running or half-written then.
 */
export function ensureImage(recipe: ImageRecipe, options: EnsureImageOptions): Promise<GuestImage>;
export function ensureImage(recipe: ProgramRecipe, options: EnsureImageOptions): Promise<BootImage>;
export async function ensureImage(
  recipe: ImageRecipe | ProgramRecipe,
  options: EnsureImageOptions,
): Promise<BootImage> {
  return withContext(options, async (context) => {
    // Before minutes of work; what a directory holds is known only afterwards.
    const arch = archOf(recipe);
    if (arch !== null) await findAgent(context.options, arch);
    return addInitramfs(recipe, await ensureParts(recipe, context), context);
  });
}

/**
 * Makes the kernel and the root file system of a recipe ready, as `ensureImage`, without an initramfs.
 * @throws {GondolinError} as `ensureImage`.
 */
export function ensureImageParts(
  recipe: ImageRecipe,
  options: EnsureImageOptions,
): Promise<ImageParts> {
  return withContext(options, (context) => ensureParts(recipe, context));
}

async function withContext<T>(
  options: EnsureImageOptions,
  ensure: (context: ImageContext) => Promise<T>,
): Promise<T> {
  let hasBuilt = false;
  const onEvent = (event: ImageEvent): void => {
    hasBuilt ||= event.phase === 'done';
    options.onProgress?.(event);
  };
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    const ensured = await ensure({ options, onEvent, signal });
    if (hasBuilt) await options.onBuilt?.();
    return ensured;
  } catch (error) {
    // Node's own streams wrap the reason.
    signal.throwIfAborted();
    throw asHostError(error, options.cacheDirectory);
  }
}

function ensureParts(
  recipe: ImageRecipe | ProgramRecipe,
  context: ImageContext,
): Promise<ImageParts> {
  switch (recipe.kind) {
    case 'path':
      return openPathImage(recipe.path, context.options.cacheDirectory, context.signal);
    case 'debian':
      return ensureDebianParts(recipe, context);
    case 'oci':
      return ensureOciParts(recipe, context);
    case 'alpine':
      return ensureAlpineParts(recipe, context);
    case 'dockerfile':
      return ensureDockerfileParts(recipe, context);
    case 'setup':
      return ensureSetupParts(recipe, context);
    case 'program': {
      const kernel = { ...recipe, kind: 'debian', packages: [] } as const;
      return ensureKernel(kernel, context).then((held) => joinParts(kernel, held, null, null));
    }
  }
}

/** Kernel and root file system at once, unless one needs the other. */
async function ensureDebianParts(recipe: DebianRecipe, context: ImageContext): Promise<ImageParts> {
  checkDebianRecipe(recipe);
  return ensureBoth(recipe, context, async (kernel, whileBothGo) => {
    const wanted = wantsModules(recipe) ? (await kernel).manifest.kernelRelease : '';
    return { entry: await ensureRootfs(recipe, wanted, whileBothGo), container: null };
  });
}

async function ensureSetupParts(recipe: SetupRecipe, context: ImageContext): Promise<ImageParts> {
  const { ensureSetup } = await import('./setup/ensure-setup.ts');
  const ofBase = scaledEvents(context.onEvent, 0, SETUP_BASE_SHARE);
  const base = await ensureParts(recipe.base, { ...context, onEvent: ofBase });
  return ensureSetup(recipe, base, context, () => borrowImage(recipe.base, base, context));
}

/** Makes parts ready to boot that stay in use, when the image is released, for another one that is made of them. */
async function borrowImage(
  recipe: ImageRecipe,
  parts: ImageParts,
  context: ImageContext,
): Promise<GuestImage> {
  const borrowed = { ...parts, release: () => undefined };
  return (await addInitramfs(recipe, borrowed, context)) as GuestImage;
}

async function ensureOciParts(recipe: OciRecipe, context: ImageContext): Promise<ImageParts> {
  const { ensureOciRootfs } = await import('./oci/ensure-oci-rootfs.ts');
  return ensureBoth(kernelRecipe(recipe), context, (_kernel, whileBothGo) =>
    ensureOciRootfs(recipe, whileBothGo),
  );
}

async function ensureAlpineParts(recipe: AlpineRecipe, context: ImageContext): Promise<ImageParts> {
  const { ensureAlpineRootfs } = await import('./alpine/ensure-alpine-rootfs.ts');
  return ensureBoth(kernelRecipe(recipe), context, async (kernel, whileBothGo) => {
    // For the scripts of packages.
    const boot: BootRootfs = async ({ path, sizeBytes, sha256 }) => {
      const parts = joinParts(recipe, await kernel, null, null);
      const digests = [...parts.digests, sha256].toSorted();
      const whole = { ...parts, rootfsPath: path, digests, sizeBytes: parts.sizeBytes + sizeBytes };
      return borrowImage(recipe, whole, whileBothGo);
    };
    return { entry: await ensureAlpineRootfs(recipe, whileBothGo, boot), container: null };
  });
}

async function ensureDockerfileParts(
  recipe: DockerfileRecipe,
  context: ImageContext,
): Promise<ImageParts> {
  const { ensureDockerfileRootfs } = await import('./dockerfile/ensure-dockerfile-rootfs.ts');
  return ensureBoth(kernelRecipe(recipe), context, (kernel, whileBothGo) =>
    ensureDockerfileRootfs(recipe, whileBothGo, async () =>
      bootBuilder(builderRecipe(recipe), await kernel, whileBothGo),
    ),
  );
}

/** Makes the image ready in which Dockerfiles are built, with a kernel that stays in use. */
async function bootBuilder(
  recipe: DebianRecipe,
  kernel: HeldEntry,
  context: ImageContext,
): Promise<GuestImage> {
  const ofBuilder = scaledEvents(context.onEvent, 0, BUILDER_SHARE);
  const rootfs = await ensureRootfs(recipe, '', {
    ...context,
    // `--build` asks for a new image, not for a new builder.
    options: { ...context.options, rebuildBeforeMs: 0 },
    onEvent: (event) => {
      const isDone = event.phase === 'done';
      // The image itself is not done yet.
      ofBuilder(isDone ? { ...event, phase: 'pack', message: 'the builder is ready' } : event);
    },
  });
  const parts = joinParts(recipe, kernel, rootfs, null);
  const held = { ...parts, release: () => rootfs.lock.release() };
  return (await addInitramfs(recipe, held, context)) as GuestImage;
}
