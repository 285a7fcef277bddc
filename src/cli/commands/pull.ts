import { ensureImage } from '../../image/ensure-image.ts';
import type { ImageEvent } from '../../image/guest-image.ts';
import { belowSetup } from '../../image/recipe.ts';
import type { ImageRecipe, Plan } from '../../plan/plan.ts';
import { formatBytes } from '../../util/quantities.ts';
import { imageCacheOptions } from '../../vm/image-cache-options.ts';
import type { CommandRun } from '../command-context.ts';
import type { ImageFlags } from '../image-flags.ts';
import { type CliIo, writeText } from '../io.ts';
import { openPlan, planForSandboxes } from '../open-project.ts';
import { plainText } from '../ui/text/describe.ts';

type OciRecipe = Extract<ImageRecipe, { kind: 'oci' }>;

/** The OCI images of a plan, each once. */
function ociRecipes(plan: Plan): OciRecipe[] {
  const found = new Map<string, OciRecipe>();
  for (const { image } of plan.sandboxes) {
    const recipe = belowSetup(image.recipe);
    if (recipe.kind === 'oci') found.set(recipe.source, recipe);
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

/** `pull`: asks the registries what the project's OCI images are now, and makes these ready. */
export const pullCommand: CommandRun<ImageFlags> = async ({ io, options, operands }) => {
  const plan = planForSandboxes(await openPlan(io, options), operands, options);
  const recipes = ociRecipes(plan);
  if (recipes.length === 0) {
    await writeText(io.stdout, 'No sandbox has an OCI image: there is nothing to pull.\n');
    return 0;
  }
  const onWarning = (message: string) =>
    void writeText(io.stderr, `warning: ${plainText(message)}\n`);
  for (const recipe of recipes) {
    const image = await ensureImage(
      { ...recipe, pull: 'always' },
      {
        ...imageCacheOptions(onWarning, io.env),
        env: io.env,
        signal: io.signal,
        onProgress: progressLines(io),
      },
    );
    await image.release();
    const size = formatBytes(image.sizeBytes);
    await writeText(io.stdout, `${plainText(recipe.source)}: ready, ${size} with its kernel\n`);
  }
  return 0;
};
