import { GondolinError } from '../errors/gondolin-error.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { cacheKey } from './cache/cache-key.ts';
import type { Manifest } from './cache/manifest.ts';
import { KERNEL_META_PACKAGE, MODULE_ROOTS } from './kernel/module-roots.ts';
import type { ContainerConfig } from './oci/documents/image-config.ts';
import { BASE_PACKAGES } from './rootfs/base-packages.ts';

export type DebianRecipe = Extract<ImageRecipe, { kind: 'debian' }>;
export type AlpineRecipe = Extract<ImageRecipe, { kind: 'alpine' }>;
export type OciRecipe = Extract<ImageRecipe, { kind: 'oci' }>;
export type DockerfileRecipe = Extract<ImageRecipe, { kind: 'dockerfile' }>;
export type SetupRecipe = Extract<ImageRecipe, { kind: 'setup' }>;

/** A guest without a root file system: one static program in its initramfs. */
export interface ProgramRecipe extends Pick<DebianRecipe, 'arch' | 'release' | 'mirror'> {
  readonly kind: 'program';
  /** Where it is on the host, e.g. `guest/build/gondolin-js`. */
  readonly hostPath: string;
  /** Where it is in the guest, absolute, in the root directory. */
  readonly guestPath: string;
}

/** Raised with any change that gives other bytes for the same recipe: old entries are then no longer found. */
const BUILDER_VERSIONS = {
  kernel: 1,
  rootfs: 5,
  modules: 1,
  initramfs: 1,
  oci: 3,
  alpine: 1,
  setup: 1,
  dockerfile: 1,
} as const;

// Names that apt and mmdebstrap would take as something else (a pattern, a file, a removal) do not match.
const PACKAGE = /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$/;
const RELEASE = /^[a-z][a-z0-9-]*$/;
const SNAPSHOT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;
const LOCKED = /^[0-9][A-Za-z0-9.+~:-]{0,255} sha256:[0-9a-f]{64}$/;
const MIRROR = /^(?:https?|file):\/\/[^\s[\]"'\\]+$/;

/**
 * Checks what becomes part of command lines and configuration files.
 *
 * @throws {GondolinError} IMAGE_RECIPE_INVALID naming the first value that is wrong.
 */
export function checkDebianRecipe(recipe: DebianRecipe): void {
  if (!RELEASE.test(recipe.release))
    throw invalid('release', recipe.release, 'a code name like bookworm');
  for (const name of recipe.packages) {
    if (!PACKAGE.test(name)) throw invalid('package', name, 'the name of a Debian package');
  }
  if (recipe.mirror !== null && !MIRROR.test(recipe.mirror)) {
    throw invalid('mirror', recipe.mirror, 'an http, https or file URL');
  }
  if (recipe.snapshot !== undefined && !SNAPSHOT.test(recipe.snapshot)) {
    throw invalid('snapshot', recipe.snapshot, 'a time such as 2026-11-01T00:00:00Z');
  }
  checkLocked({ ...recipe.locked?.base, ...recipe.locked?.added });
}

function checkLocked(packages: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(packages)) {
    if (!PACKAGE.test(name)) throw invalid('locked package', name, 'the name of a Debian package');
    if (!LOCKED.test(text)) throw invalid(`lock of ${name}`, text, 'a version and a digest');
  }
}

function invalid(what: string, value: string, wanted: string): GondolinError {
  const shown = value.replace(/\/\/[^/]*@/, '//…@').slice(0, 100);
  return new GondolinError(
    'IMAGE_RECIPE_INVALID',
    `Cannot use the image: ${what} '${shown}' is not ${wanted}`,
    {
      details: { field: what },
    },
  );
}

export function kernelKey(
  recipe: Pick<DebianRecipe, 'arch' | 'release' | 'mirror' | 'snapshot' | 'locked'>,
): string {
  const { arch, release, mirror, snapshot } = recipe;
  const kernel = lockedKernel(recipe);
  return cacheKey({
    builder: BUILDER_VERSIONS.kernel,
    arch,
    release,
    mirror,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(kernel === null ? {} : { kernel }),
    modules: MODULE_ROOTS,
  });
}

const KERNEL_PREFIX = 'linux-image-';

/** Returns the kernel's package of a lock by its name; null for a recipe without a lock. */
export function lockedKernel({
  locked,
}: Pick<DebianRecipe, 'locked'>): Record<string, string> | null {
  if (locked === undefined) return null;
  const all = Object.entries(locked.base);
  return Object.fromEntries(all.filter(([name]) => name.startsWith(KERNEL_PREFIX)));
}

/**
 * Returns the packages of a lock that are installed into the root file system; null for a recipe without a lock.
 * @param hasBase  Leaves out those of the root file system that packages are added to.
 */
export function lockedRootfs(
  { locked }: Pick<DebianRecipe, 'locked'>,
  hasBase: boolean,
): Record<string, string> | null {
  if (locked === undefined) return null;
  if (hasBase) return { ...locked.added };
  const base = Object.entries(locked.base).filter(([name]) => !name.startsWith(KERNEL_PREFIX));
  return { ...Object.fromEntries(base), ...locked.added };
}

/**
 * Returns true if the root file system holds the modules of the image's own kernel. The kernel's package in the list asks
 * for that: it is not installed, because it would bring another kernel, an initramfs and perhaps modules of a newer kernel.
 */
export function wantsModules({ packages }: DebianRecipe): boolean {
  return packages.includes(KERNEL_META_PACKAGE);
}

/** Returns the recipe of the root file system that packages are added to; null for one that has nothing to add. */
export function baseRecipe(recipe: DebianRecipe): DebianRecipe | null {
  const base: readonly string[] = BASE_PACKAGES;
  return recipe.packages.every((name) => base.includes(name)) ? null : withoutPackages(recipe);
}

function withoutPackages({ locked, ...recipe }: DebianRecipe): DebianRecipe {
  const base = locked === undefined ? {} : { locked: { ...locked, added: {} } };
  return { ...recipe, ...base, packages: [] };
}

export function rootfsKey(recipe: DebianRecipe): string {
  const packages = [...new Set([...BASE_PACKAGES, ...recipe.packages])].toSorted();
  const { arch, release, mirror, snapshot } = recipe;
  const modules = wantsModules(recipe) ? { modules: BUILDER_VERSIONS.modules } : {};
  const locked = lockedRootfs(recipe, false);
  return cacheKey({
    builder: BUILDER_VERSIONS.rootfs,
    arch,
    release,
    mirror,
    packages,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...modules,
    ...(locked === null ? {} : { locked }),
  });
}

/**
 * Keys by what goes in, not by where it comes from: images with the same layers share their root file system.
 * @param container  Its directory is made where no layer has it.
 */
export function ociRootfsKey(
  diffIds: readonly string[],
  { workingDir }: Pick<ContainerConfig, 'workingDir'>,
): string {
  const made = hasOwnDirectory(workingDir) ? { workingDir } : {};
  return cacheKey({ builder: BUILDER_VERSIONS.oci, diffIds, ...made });
}

/** Returns true for a directory that an image may name and not have. */
function hasOwnDirectory(workingDir: string): boolean {
  return workingDir !== '' && workingDir !== '/';
}

/** Keys by what is changed and how: the digests of the image below, those of the files that are copied, and the commands. */
export function setupKey(
  { setup }: SetupRecipe,
  base: { readonly digests: readonly string[]; readonly container: ContainerConfig | null },
  copied: readonly string[],
): string {
  const { copy, commands, network } = setup;
  const { digests, container } = base;
  return cacheKey({
    builder: BUILDER_VERSIONS.setup,
    base: [...digests],
    container: container === null ? null : { ...container },
    copy: copy.map(({ guestPath }, index) => [guestPath, copied[index] ?? '']),
    commands: [...commands],
    network: JSON.stringify(network),
  });
}

/** Everything that decides what the build of a Dockerfile gives, except what it downloads. */
export interface DockerfileInputs {
  readonly text: string;
  readonly contextDigest: string;
  /** Ids of the base images by their references. */
  readonly bases: Readonly<Record<string, string>>;
}

/** Values of secrets are no part of it: an image must not depend on them. */
export function dockerfileKey(
  { args, target, arch, network, secrets }: DockerfileRecipe,
  { text, contextDigest, bases }: DockerfileInputs,
): string {
  return cacheKey({
    builder: BUILDER_VERSIONS.dockerfile,
    ...{ text, contextDigest, bases, args, target, arch },
    network: JSON.stringify(network),
    secrets: secrets.map(({ name, hosts }) => [name, ...hosts]),
  });
}

/** Keys the disk of a Dockerfile: another project could leave instructions there that were not what they seem. */
export function dockerfileDiskKey({ path, context }: DockerfileRecipe): string {
  return cacheKey({ path, context });
}

/**
 * The image in which Dockerfiles are built: a fixed release, whichever this machine has.
 * @throws {GondolinError} IMAGE_RECIPE_INVALID for a lock with malformed names or versions.
 */
export function builderRecipe({
  arch,
  builder,
}: Pick<DockerfileRecipe, 'arch' | 'builder'>): DebianRecipe {
  const locked = builder === undefined ? {} : { locked: builder };
  checkLocked({ ...builder?.base, ...builder?.added });
  const packages = ['buildah'];
  return { kind: 'debian', arch, release: 'trixie', packages, mirror: null, ...locked };
}

/**
 * Keys by what was asked for, as for Debian: the packages are those of the day of the build.
 * @param keysDigest  Of the keys that may sign them: they become part of the image.
 */
export function alpineRootfsKey(
  request: Pick<AlpineRecipe, 'version' | 'branch' | 'arch' | 'packages' | 'locked'> & {
    readonly mirror: string;
  },
  keysDigest: string,
): string {
  const { version, branch, arch, mirror, packages, locked } = request;
  return cacheKey({
    ...{ builder: BUILDER_VERSIONS.alpine, version, branch, arch, mirror, keysDigest },
    packages: [...packages],
    ...(locked === undefined ? {} : { locked }),
  });
}

/** A recipe of an image without a kernel of its own. */
export type KernelUser = Pick<OciRecipe, 'arch' | 'release' | 'kernel'>;

/**
 * Returns the Debian image whose kernel such an image boots.
 * @throws {GondolinError} IMAGE_RECIPE_INVALID for a lock with malformed names or versions.
 */
export function kernelRecipe({ arch, release, kernel }: KernelUser): DebianRecipe {
  const locked = kernel === undefined ? {} : { locked: { base: kernel, added: {} } };
  checkLocked(kernel ?? {});
  return { kind: 'debian', arch, release, packages: [], mirror: null, ...locked };
}

/** The same key may lead to one with the modules of another kernel: those of this release must be there. */
export function holdsModules(
  recipe: DebianRecipe,
  kernelRelease: string,
  rootfs: Manifest,
): boolean {
  return rootfs.kernelRelease === (wantsModules(recipe) ? kernelRelease : '');
}

/** Keys by the digests of the input: a kernel that was built again may differ under the same key. */
export function initramfsKey(
  agentSha256: string,
  modulesSha256: string,
  program: { readonly path: string; readonly sha256: string } | null = null,
): string {
  const programs = program === null ? {} : { program };
  return cacheKey({ builder: BUILDER_VERSIONS.initramfs, agentSha256, modulesSha256, ...programs });
}

/** Key of a whole image: the digests of its files, and what it says about running it. */
export function imageKey(
  initramfs: string,
  digests: readonly string[],
  container: ContainerConfig | null,
): string {
  return cacheKey({
    initramfs,
    digests,
    ...(container === null ? {} : { container: { ...container } }),
  });
}

/** Returns the processor of a recipe; null for a directory, whose manifest says it. */
export function archOf(recipe: ImageRecipe | ProgramRecipe): DebianRecipe['arch'] | null {
  if (recipe.kind === 'setup') return archOf(recipe.base);
  return recipe.kind === 'path' ? null : recipe.arch;
}

/** Returns the recipe itself, or that of the image which it changes. */
export function belowSetup(recipe: ImageRecipe): Exclude<ImageRecipe, SetupRecipe> {
  return recipe.kind === 'setup' ? recipe.base : recipe;
}

/** For people: `debian bookworm + git, nodejs`. */
export function titleOf(recipe: DebianRecipe): string {
  const extra = recipe.packages.length > 0 ? ` + ${recipe.packages.join(', ')}` : '';
  const time = recipe.snapshot === undefined ? '' : ` of ${recipe.snapshot}`;
  return `debian ${recipe.release}${time}${extra}`.slice(0, 1000);
}

/** Returns one line that names an image for people: `debian bookworm + git`, a reference, or the directory of the user's own image. */
export function imageTitle(recipe: ImageRecipe | ProgramRecipe): string {
  if (recipe.kind === 'program') return `${recipe.guestPath} alone`;
  if (recipe.kind === 'oci') return recipe.source;
  if (recipe.kind === 'alpine') return alpineTitle(recipe);
  if (recipe.kind === 'setup') return `${imageTitle(recipe.base)} + setup`;
  if (recipe.kind === 'dockerfile') return dockerfileTitle(recipe);
  return recipe.kind === 'debian' ? titleOf(recipe) : recipe.path;
}

function alpineTitle({ version, packages }: AlpineRecipe): string {
  const extra = packages.length > 0 ? ` + ${packages.join(', ')}` : '';
  return `alpine ${version}${extra}`.slice(0, 1000);
}

/** The path, with the stage where there is one: `/src/app/Dockerfile (test)`. */
export function dockerfileTitle({ path, target }: DockerfileRecipe): string {
  return target === null ? path : `${path} (${target})`;
}

/** Keys of the entries that an image of this recipe shares with others, for `pruneImages`; none for a path. */
export function entryKeysOf(recipe: ImageRecipe): string[] {
  // The entry of the setup itself has a key that is known only with the image below.
  if (recipe.kind === 'setup') return entryKeysOf(recipe.base);
  if (recipe.kind === 'dockerfile') {
    return [kernelKey(kernelRecipe(recipe)), rootfsKey(builderRecipe(recipe))];
  }
  if (recipe.kind === 'oci' || recipe.kind === 'alpine') return [kernelKey(kernelRecipe(recipe))];
  return recipe.kind === 'debian' ? [kernelKey(recipe), rootfsKey(recipe)] : [];
}
