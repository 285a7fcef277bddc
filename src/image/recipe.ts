import { GondolinError } from '../errors/gondolin-error.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import type { Manifest } from './cache/manifest.ts';
import { KERNEL_META_PACKAGE } from './kernel/module-roots.ts';
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

/** Returns the processor of a recipe; null for a directory, whose manifest says it. */
export function archOf(recipe: ImageRecipe | ProgramRecipe): DebianRecipe['arch'] | null {
  if (recipe.kind === 'setup') return archOf(recipe.base);
  return recipe.kind === 'path' ? null : recipe.arch;
}

/** Returns the recipe itself, or that of the image which it changes. */
export function belowSetup(recipe: ImageRecipe): Exclude<ImageRecipe, SetupRecipe> {
  return recipe.kind === 'setup' ? recipe.base : recipe;
}
