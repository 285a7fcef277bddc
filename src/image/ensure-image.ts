import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { asHostError } from '../host/system-failure.ts';
import type { GuestArch } from '../host/tools.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { agentPathFor } from './agent-path.ts';
import type { BootRootfs } from './alpine/ensure-alpine-rootfs.ts';
import { type EnsureEntryOptions, ensureEntry, findOld, type HeldEntry } from './cache/entry.ts';
import { ARTIFACT_FILES, entryPlace } from './cache/layout.ts';
import { digestBytes } from './cache/verify-files.ts';
import type { BootImage, EnsureImageOptions, GuestImage, ImageEvent } from './guest-image.ts';
import type { ImageParts } from './image-parts.ts';
import type { ContainerConfig } from './oci/documents/image-config.ts';
import { openPathImage } from './path-image.ts';
import {
  type AlpineRecipe,
  archOf,
  baseRecipe,
  builderRecipe,
  checkDebianRecipe,
  type DebianRecipe,
  type DockerfileRecipe,
  imageKey,
  initramfsKey,
  kernelKey,
  kernelRecipe,
  type OciRecipe,
  type ProgramRecipe,
  rootfsKey,
  type SetupRecipe,
  titleOf,
  wantsModules,
} from './recipe.ts';
import { scaledEvents } from './scaled-events.ts';

type BuildDebianEntry = typeof import('./build-debian-entry.ts').buildDebianEntry;

type Context = Pick<EnsureEntryOptions, 'onEvent' | 'signal'> & {
  readonly options: EnsureImageOptions;
};

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
    if (arch !== null) await readAgent(context.options, arch);
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
  ensure: (context: Context) => Promise<T>,
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

async function readAgent({ agentPath }: EnsureImageOptions, arch: GuestArch): Promise<Buffer> {
  const path = agentPathFor(agentPath, arch);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new GondolinError('IMAGE_AGENT_MISSING', `Cannot read the guest agent at '${path}'`, {
      cause,
      ...(arch === 'aarch64' ? { hint: AARCH64_AGENT_HINT } : {}),
    });
  }
}

const AARCH64_AGENT_HINT =
  'Build it with: apt install gcc-aarch64-linux-gnu && make -C guest aarch64. The npm package has it.';

function ensureParts(recipe: ImageRecipe | ProgramRecipe, context: Context): Promise<ImageParts> {
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
async function ensureDebianParts(recipe: DebianRecipe, context: Context): Promise<ImageParts> {
  checkDebianRecipe(recipe);
  return ensureBoth(recipe, context, async (kernel, whileBothGo) => {
    const wanted = wantsModules(recipe) ? (await kernel).manifest.kernelRelease : '';
    return { entry: await ensureRootfs(recipe, wanted, whileBothGo), container: null };
  });
}

async function ensureSetupParts(recipe: SetupRecipe, context: Context): Promise<ImageParts> {
  const { ensureSetup } = await import('./setup/ensure-setup.ts');
  const ofBase = scaledEvents(context.onEvent, 0, SETUP_BASE_SHARE);
  const base = await ensureParts(recipe.base, { ...context, onEvent: ofBase });
  return ensureSetup(recipe, base, context, () => borrowImage(recipe.base, base, context));
}

/** Makes parts ready to boot that stay in use, when the image is released, for another one that is made of them. */
async function borrowImage(
  recipe: ImageRecipe,
  parts: ImageParts,
  context: Context,
): Promise<GuestImage> {
  const borrowed = { ...parts, release: () => undefined };
  return (await addInitramfs(recipe, borrowed, context)) as GuestImage;
}

async function ensureOciParts(recipe: OciRecipe, context: Context): Promise<ImageParts> {
  const { ensureOciRootfs } = await import('./oci/ensure-oci-rootfs.ts');
  return ensureBoth(kernelRecipe(recipe), context, (_kernel, whileBothGo) =>
    ensureOciRootfs(recipe, whileBothGo),
  );
}

async function ensureAlpineParts(recipe: AlpineRecipe, context: Context): Promise<ImageParts> {
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
  context: Context,
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
  context: Context,
): Promise<GuestImage> {
  const ofBuilder = scaledEvents(context.onEvent, 0, BUILDER_SHARE);
  const rootfs = await ensureRootfs(recipe, '', {
    ...context,
    // Who asks for a new build does not mean the builder.
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

/** Makes both parts; when one fails the other is stopped. */
async function ensureBoth(
  recipe: DebianRecipe,
  context: Context,
  startRootfs: (
    kernel: Promise<HeldEntry>,
    whileBothGo: Context,
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

function ensureKernel(recipe: DebianRecipe, context: Context): Promise<HeldEntry> {
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

/** @param kernelRelease  Release of the modules that it holds; empty for none. */
function ensureRootfs(
  recipe: DebianRecipe,
  kernelRelease: string,
  context: Context,
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

/** Part of the work that a base is, when it has to be built. */
const BASE_SHARE = 0.6;
const SETUP_BASE_SHARE = 0.5;
const BUILDER_SHARE = 0.15;

/** Builds with the root file system that packages are added to, held meanwhile and built first where it is missing. */
async function withBase<T>(
  recipe: DebianRecipe,
  context: Context,
  build: (base: Pick<Context, 'onEvent'> & { readonly basePath: string | null }) => Promise<T>,
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

function joinParts(
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

/** The program of a recipe, with its digest. */
async function readProgram(recipe: ImageRecipe | ProgramRecipe) {
  if (recipe.kind !== 'program') return null;
  const data = await readFile(recipe.hostPath);
  return { path: recipe.guestPath, sha256: digestBytes(data), data };
}

async function addInitramfs(
  recipe: ImageRecipe | ProgramRecipe,
  parts: ImageParts,
  context: Context,
): Promise<BootImage> {
  try {
    const agent = await readAgent(context.options, parts.arch);
    const program = await readProgram(recipe);
    const named = program === null ? null : { path: program.path, sha256: program.sha256 };
    const key = initramfsKey(digestBytes(agent), parts.modulesSha256, named);
    const entry = await ensureEntry(entryPlace(context.options.cacheDirectory, 'initramfs', key), {
      ...context,
      build: async (target) => {
        const { buildInitramfs } = await import('./build-initramfs.ts');
        await buildInitramfs({ agent, program, modulesPath: parts.modulesPath, target });
        return { title: `agent for kernel ${parts.kernelRelease}`, kernelRelease: '' };
      },
    });
    const [initramfs] = ARTIFACT_FILES.initramfs;
    return {
      key: imageKey(key, parts.digests, parts.container),
      arch: parts.arch,
      vmlinuxPath: parts.vmlinuxPath,
      initramfsPath: join(entry.place.directory, initramfs),
      rootfsPath: parts.rootfsPath,
      rootfsType: 'squashfs',
      kernelRelease: parts.kernelRelease,
      sizeBytes: parts.sizeBytes + (entry.manifest.files[initramfs]?.sizeBytes ?? 0),
      recipe,
      container: parts.container,
      async release() {
        entry.lock.release();
        parts.release();
      },
    };
  } catch (error) {
    parts.release();
    throw error;
  }
}
