import { debianSnapshotService } from '../../host/image-environment.ts';
import { requestAlpine } from '../alpine/alpine-recipe.ts';
import { lockedApk } from '../alpine/keep-locked.ts';
import { resolveAlpine } from '../alpine/resolve-alpine.ts';
import { withBuildLog } from '../cache/build-log.ts';
import { entryPlace } from '../cache/layout.ts';
import { withWorkDirectory } from '../cache/sweep.ts';
import { readHostPackageFacts } from '../debian/host-packages.ts';
import { planSources } from '../debian/plan-sources.ts';
import type { EnsureImageOptions } from '../guest-image.ts';
import {
  type AlpineRecipe,
  type DebianRecipe,
  type KernelUser,
  kernelRecipe,
  lockedKernel,
} from '../recipe.ts';
import { rootfsKey } from '../recipe-keys.ts';
import type { PackageSets } from './lock-file.ts';
import {
  baseSetName,
  kernelSetName,
  type PackagedRecipe,
  packageSetNames,
} from './package-sets.ts';
import { type ResolveDebianOptions, resolveDebian, resolveKernel } from './resolve-debian.ts';

export interface ResolvePackageSetsOptions
  extends Pick<EnsureImageOptions, 'cacheDirectory' | 'env' | 'environment' | 'transferLimits'> {
  readonly signal: AbortSignal;
  /** Called before each resolution with the name of the set. */
  readonly onResolve: (name: string) => void;
}

/**
 * Asks the mirrors which packages images have today; downloads none.
 *
 * @param kernels  Images that boot the kernel of a release, and have other packages or none.
 * @returns By the names of the sets. Those that images share are among them.
 * @throws {GondolinError} IMAGE_SOURCES_MISSING, those of `resolveDebian`, `requestAlpine` and `resolveAlpine`.
 */
export async function resolvePackageSets(
  recipes: readonly PackagedRecipe[],
  kernels: readonly KernelUser[],
  options: ResolvePackageSetsOptions,
): Promise<PackageSets> {
  const sets: Record<string, Readonly<Record<string, string>>> = {};
  for (const [base, ofRelease] of groupByBase(recipes)) {
    const added = ofRelease.filter((recipe) => packageSetNames(recipe).base !== null);
    const found = await resolveRelease(ofRelease, added, options);
    sets[base] = found.base;
    for (const [index, recipe] of added.entries()) {
      sets[packageSetNames(recipe).whole] = found.added[index] ?? {};
    }
  }
  for (const recipe of recipes) {
    if (recipe.kind !== 'alpine') continue;
    const { whole } = packageSetNames(recipe);
    options.onResolve(whole);
    sets[whole] = await resolveAlpineRecipe(recipe, options);
  }
  for (const user of kernels) {
    sets[kernelSetName(user)] ??= await resolveKernelOf(user, sets, options);
  }
  return sets;
}

/** The kernel that images of this release got just now, or a look-up of its own. */
async function resolveKernelOf(
  user: KernelUser,
  sets: PackageSets,
  options: ResolvePackageSetsOptions,
): Promise<Readonly<Record<string, string>>> {
  const { arch, release } = user;
  const recipe = kernelRecipe({ arch, release });
  const base = sets[baseSetName(recipe)];
  if (base !== undefined) return lockedKernel({ locked: { base, added: {} } }) ?? {};
  options.onResolve(kernelSetName(user));
  return withRelease(recipe, options, (asking) =>
    resolveKernel(recipe, { ...asking, onResolve: () => undefined }),
  );
}

function groupByBase(recipes: readonly PackagedRecipe[]): Map<string, DebianRecipe[]> {
  const groups = new Map<string, DebianRecipe[]>();
  for (const recipe of recipes) {
    if (recipe.kind !== 'debian') continue;
    const name = baseSetName(recipe);
    groups.set(name, [...(groups.get(name) ?? []), recipe]);
  }
  return groups;
}

async function resolveRelease(
  ofRelease: readonly DebianRecipe[],
  added: readonly DebianRecipe[],
  options: ResolvePackageSetsOptions,
) {
  const [first] = ofRelease;
  if (first === undefined) throw new TypeError('a group has a recipe');
  return withRelease(first, options, (asking) =>
    resolveDebian(first, added, {
      ...asking,
      onResolve: (recipe) => options.onResolve(packageSetNames(recipe).whole),
    }),
  );
}

/** Gives `use` the sources of a recipe, with a directory and a log for apt. */
async function withRelease<T>(
  first: DebianRecipe,
  { cacheDirectory, signal, env, environment = {} }: ResolvePackageSetsOptions,
  use: (asking: Omit<ResolveDebianOptions, 'onResolve'>) => Promise<T>,
): Promise<T> {
  const snapshotService = debianSnapshotService(env);
  const sources = planSources({ ...first, snapshotService }, await readHostPackageFacts());
  const { parent } = entryPlace(cacheDirectory, 'rootfs', rootfsKey(first));
  return withBuildLog(cacheDirectory, `lock-${first.release}`, (logPath) =>
    withWorkDirectory(parent, (cwd) => use({ cwd, logPath, environment, signal, sources })),
  );
}

async function resolveAlpineRecipe(
  recipe: AlpineRecipe,
  { cacheDirectory, env, environment, transferLimits, signal }: ResolvePackageSetsOptions,
): Promise<Record<string, string>> {
  const request = await requestAlpine(recipe, env);
  const { packages } = await resolveAlpine(request, {
    ...{ cacheDirectory, environment, transferLimits, signal },
    onProgress: () => undefined,
  });
  return Object.fromEntries(packages.map((pkg) => [pkg.name, lockedApk(pkg)]));
}
