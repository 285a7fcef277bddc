import type { ImageRecipe } from '../../plan/plan.ts';
import { GO_ARCHITECTURES } from '../oci/documents/choose-platform.ts';
import {
  type AlpineRecipe,
  baseRecipe,
  belowSetup,
  builderRecipe,
  type DebianRecipe,
  type KernelUser,
} from '../recipe.ts';

/** A recipe whose packages a lock holds. */
export type PackagedRecipe = DebianRecipe | AlpineRecipe;

/** Names of what a lock holds about an image. */
export interface PackageSetNames {
  /** The set that images share; null where all packages are in `whole`. */
  readonly base: string | null;
  /** The set of the image itself. */
  readonly whole: string;
}

/** Returns the recipes of packages of an image, for its own root file system or for its builder, below a setup too. */
export function packagedRecipes(recipe: ImageRecipe): readonly PackagedRecipe[] {
  const below = belowSetup(recipe);
  if (below.kind === 'dockerfile') return [builderRecipe({ arch: below.arch })];
  return below.kind === 'debian' || below.kind === 'alpine' ? [below] : [];
}

/** Returns the recipe of an image that boots the kernel of a Debian release without its packages, below a setup too; null for others. */
export function kernelUser(recipe: ImageRecipe): KernelUser | null {
  const below = belowSetup(recipe);
  return below.kind === 'debian' || below.kind === 'path' ? null : below;
}

/** Returns the name of the set with that kernel. */
export function kernelSetName({ release, arch }: KernelUser): string {
  return `linux of debian ${release} ${GO_ARCHITECTURES[arch]}`;
}

/** Returns the names of the package sets of a recipe: what was asked for, without passwords. */
export function packageSetNames(recipe: PackagedRecipe): PackageSetNames {
  const extra = recipe.packages.length === 0 ? '' : `${EXTRA}${recipe.packages.join(', ')}`;
  if (recipe.kind === 'alpine') {
    const { version, branch, arch, mirror } = recipe;
    const where = branch === null ? '' : ` ${branch}`;
    return { base: null, whole: `alpine ${version}${where} ${arch}${from(mirror)}${extra}` };
  }
  const { release, arch, snapshot, mirror } = recipe;
  const time = snapshot === undefined ? '' : ` of ${snapshot}`;
  const base = `debian ${release} ${GO_ARCHITECTURES[arch]}${time}${from(mirror)}`;
  return baseRecipe(recipe) === null
    ? { base: null, whole: base }
    : { base, whole: `${base}${extra}` };
}

/** Returns the name of the set that images of the same release share: that of the image itself where it shares none. */
export function baseSetName(recipe: PackagedRecipe): string {
  const { base, whole } = packageSetNames(recipe);
  return base ?? whole;
}

const EXTRA = ' + ';

/** The part of a name that stays when packages are added. */
export function packageSetStem(name: string): string {
  return name.split(EXTRA, 1)[0] ?? '';
}

function from(mirror: string | null): string {
  return mirror === null ? '' : ` from ${mirror.replace(/\/\/[^/]*@/, '//')}`;
}
