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
import { type AlpineRecipe, type DebianRecipe, rootfsKey } from '../recipe.ts';
import type { PackageSets } from './lock-file.ts';
import { baseSetName, type PackagedRecipe, packageSetNames } from './package-sets.ts';
import { resolveDebian } from './resolve-debian.ts';

export interface ResolvePackageSetsOptions
  extends Pick<EnsureImageOptions, 'cacheDirectory' | 'env' | 'environment' | 'transferLimits'> {
  readonly signal: AbortSignal;
  /** Called before each resolution with the name of the set. */
  readonly onResolve: (name: string) => void;
}

/**
 * Asks the mirrors which packages images have today; downloads none.
 *
 * @returns By the names of the sets. Those that images share are among them.
 * @throws {GondolinError} IMAGE_SOURCES_MISSING, those of `resolveDebian`, `requestAlpine` and `resolveAlpine`.
 */
export async function resolvePackageSets(
  recipes: readonly PackagedRecipe[],
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
  return sets;
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
  { cacheDirectory, signal, env, onResolve, environment = {} }: ResolvePackageSetsOptions,
) {
  const [first] = ofRelease;
  if (first === undefined) throw new TypeError('a group has a recipe');
  const snapshotService = debianSnapshotService(env);
  const sources = planSources({ ...first, snapshotService }, await readHostPackageFacts());
  const { parent } = entryPlace(cacheDirectory, 'rootfs', rootfsKey(first));
  return withBuildLog(cacheDirectory, `lock-${first.release}`, (logPath) =>
    withWorkDirectory(parent, (cwd) =>
      resolveDebian(first, added, {
        ...{ cwd, logPath, environment, signal, sources },
        onResolve: (recipe) => onResolve(packageSetNames(recipe).whole),
      }),
    ),
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
