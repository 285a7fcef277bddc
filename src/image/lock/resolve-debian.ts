import { type AptSession, openAptSession } from '../debian/apt-session.ts';
import type { AptSource } from '../debian/apt-source.ts';
import { chooseBase, choosePackages, stanzasOf } from '../debian/choose-packages.ts';
import { type LockedPackages, lockedText } from '../debian/locked-packages.ts';
import type { PackageStanza } from '../debian/package-stanzas.ts';
import { findNewestKernel } from '../kernel/build-kernel.ts';
import type { RunToolsOptions } from '../process/run-tools.ts';
import { type DebianRecipe, wantsModules } from '../recipe.ts';
import { includedPackages } from '../rootfs/mmdebstrap-arguments.ts';

export interface ResolveDebianOptions
  extends Pick<RunToolsOptions, 'cwd' | 'environment' | 'logPath' | 'signal'> {
  /** Where the packages come from. */
  readonly sources: readonly AptSource[];
  /** Called before each resolution. */
  readonly onResolve: (recipe: DebianRecipe) => void;
}

/** Packages of one release: what images share, and what each adds, in the order of the recipes. */
export interface ResolvedDebian {
  readonly base: LockedPackages;
  readonly added: readonly LockedPackages[];
}

/**
 * Finds out which packages images of one release have today: those of the release itself with its kernel, then what each image
 * adds to them. Downloads the lists, and no package.
 *
 * @param recipes  Of one release, mirror and snapshot.
 * @throws {GondolinError} IMAGE_TOOL_MISSING, IMAGE_PACKAGE_UNKNOWN, IMAGE_KERNEL_INVALID, IMAGE_BUILD_FAILED.
 */
export async function resolveDebian(
  first: DebianRecipe,
  recipes: readonly DebianRecipe[],
  options: ResolveDebianOptions,
): Promise<ResolvedDebian> {
  const apt = await openAptSession({ ...options, arch: first.arch });
  options.onResolve({ ...first, packages: [] });
  await apt.update();
  const kernel = await findNewestKernel(apt, first.arch);
  const base = await chooseBase(apt, included(first, []), first.release);
  const status = base.map(({ text }) => `${text}\nStatus: install ok installed\n\n`).join('');
  const added: LockedPackages[] = [];
  for (const recipe of recipes) {
    options.onResolve(recipe);
    const names = included(recipe, recipe.packages);
    added.push(toLocked(await choosePackages(apt, names, status, recipe.release)));
  }
  return { base: { ...toLocked(base), ...(await lockPackage(apt, kernel)) }, added };
}

/**
 * Finds out which kernel a release has today.
 * @throws {GondolinError} as `resolveDebian`.
 */
export async function resolveKernel(
  recipe: DebianRecipe,
  options: ResolveDebianOptions,
): Promise<LockedPackages> {
  const apt = await openAptSession({ ...options, arch: recipe.arch });
  options.onResolve(recipe);
  await apt.update();
  return lockPackage(apt, await findNewestKernel(apt, recipe.arch));
}

async function lockPackage(apt: AptSession, name: string): Promise<LockedPackages> {
  return toLocked(await stanzasOf(apt, new Map([[name, await newestVersion(apt, name)]])));
}

function included(recipe: DebianRecipe, packages: readonly string[]): string[] {
  return includedPackages({ packages, hasModules: packages.length > 0 && wantsModules(recipe) });
}

function toLocked(stanzas: readonly PackageStanza[]): LockedPackages {
  return Object.fromEntries(stanzas.map((stanza) => [stanza.name, lockedText(stanza)]));
}

async function newestVersion(apt: AptSession, name: string): Promise<string> {
  return (await apt.show(name))?.get('version') ?? '';
}
