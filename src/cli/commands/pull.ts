import { ensureImage } from '../../image/ensure-image.ts';
import type { EnsureImageOptions, ImageEvent } from '../../image/guest-image.ts';
import { belowSetup } from '../../image/recipe.ts';
import type { ImageRecipe, Plan } from '../../plan/plan.ts';
import { formatBytes } from '../../util/quantities.ts';
import { imageCacheOptions } from '../../vm/image-cache-options.ts';
import type { CommandRun } from '../command-context.ts';
import type { ImageFlags } from '../image-flags.ts';
import { type CliIo, writeText } from '../io.ts';
import { openPlan, planForSandboxes } from '../open-project.ts';
import { plainText } from '../ui/text/describe.ts';

type PulledRecipe = Extract<ImageRecipe, { kind: 'oci' | 'dockerfile' }>;

/** The OCI images and Dockerfiles of a plan, each once. */
function pulledRecipes(plan: Plan): PulledRecipe[] {
  const found = new Map<string, PulledRecipe>();
  for (const { image } of plan.sandboxes) {
    const recipe = belowSetup(image.recipe);
    if (recipe.kind === 'oci') found.set(recipe.source, recipe);
    if (recipe.kind === 'dockerfile') found.set(JSON.stringify(recipe), recipe);
  }
  return [...found.values()];
}

/** Prints one line for each phase, and warnings. */
function progressLines({ stderr }: CliIo): (event: ImageEvent) => void {
  let last = '';
  return ({ artifact, phase, message }) => {
    if (`${artifact} ${phase}` === last) return;
    last = `${artifact} ${phase}`;
    void writeText(stderr, `${plainText(message)}\n`);
  };
}

/** Returns lines about what is ready now. */
async function pullRecipe(recipe: PulledRecipe, options: PullOptions): Promise<string[]> {
  if (recipe.kind === 'dockerfile') {
    const { pullBases } = await import('../../image/dockerfile/pull-bases.ts');
    const { onProgress: onEvent, signal } = options;
    const names = await pullBases(recipe, { options, onEvent, signal });
    return names.map((name) => `${name}: ready, for ${recipe.path}`);
  }
  const image = await ensureImage({ ...recipe, pull: 'always' }, options);
  await image.release();
  return [`${recipe.source}: ready, ${formatBytes(image.sizeBytes)} with its kernel`];
}

type PullOptions = EnsureImageOptions & Required<Pick<EnsureImageOptions, 'onProgress' | 'signal'>>;

/** `pull`: asks the registries what the project's OCI images, and those of its Dockerfiles, are now, and makes these ready. */
export const pullCommand: CommandRun<ImageFlags> = async ({ io, options, operands }) => {
  const plan = planForSandboxes(await openPlan(io, options), operands, options);
  const recipes = pulledRecipes(plan);
  if (recipes.length === 0) {
    await writeText(io.stdout, 'No sandbox has an OCI image: there is nothing to pull.\n');
    return 0;
  }
  const onWarning = (message: string) =>
    void writeText(io.stderr, `warning: ${plainText(message)}\n`);
  for (const recipe of recipes) {
    const lines = await pullRecipe(recipe, {
      ...imageCacheOptions(onWarning, io.env),
      env: io.env,
      signal: io.signal,
      onProgress: progressLines(io),
    });
    for (const line of lines) await writeText(io.stdout, `${plainText(line)}\n`);
  }
  return 0;
};
