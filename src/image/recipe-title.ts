import type { ImageRecipe } from '../plan/plan.ts';
import type { AlpineRecipe, DebianRecipe, DockerfileRecipe, ProgramRecipe } from './recipe.ts';

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
