import type { ImageRecipe } from '../plan/plan.ts';
import { cacheKey } from './cache/cache-key.ts';
import { MODULE_ROOTS } from './kernel/module-roots.ts';
import type { ContainerConfig } from './oci/documents/image-config.ts';
import {
  type AlpineRecipe,
  builderRecipe,
  type DebianRecipe,
  type DockerfileRecipe,
  kernelRecipe,
  lockedKernel,
  lockedRootfs,
  type SetupRecipe,
  wantsModules,
} from './recipe.ts';
import { BASE_PACKAGES } from './rootfs/base-packages.ts';

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
