import { join } from 'node:path';
import type { ImageRecipe } from '../../plan/plan.ts';
import type { CommandContext } from '../command-context.ts';
import { openPlan } from '../open-project.ts';
import { readImageFlag } from '../read-image-flag.ts';

/** An image that a command names. */
export interface NamedImage {
  /** As the user wrote it. */
  readonly name: string;
  readonly recipe: ImageRecipe;
}

/**
 * Finds the image that an operand names: with `-f`, an image of that project file; else what `--image` takes; else an image of
 * the nearest project file.
 *
 * @throws {GondolinError} CLI_USAGE when no image matches; those of the project file.
 */
export async function findImageOperand(
  context: CommandContext<unknown>,
  text: string,
): Promise<NamedImage> {
  const { io, options } = context;
  if (options.file !== undefined) {
    const found = await findInProject(context, text);
    if (found !== null) return found;
  }
  try {
    return readImageFlag(text, io, `images: ${JSON.stringify(text)}`);
  } catch (error) {
    const found = options.file === undefined ? await findInProject(context, text) : null;
    if (found !== null) return found;
    throw error;
  }
}

async function findInProject(
  { io, options }: CommandContext<unknown>,
  text: string,
): Promise<NamedImage | null> {
  const { realFiles } = await import('../../config/file-access.ts');
  const isHere = ['gondolin.yaml', 'gondolin.yml'].some(
    (name) => realFiles.pathKind(join(io.cwd, name)) === 'file',
  );
  if (options.file === undefined && !isHere) return null;
  const plan = await openPlan(io, options);
  return plan.sandboxes.find(({ image }) => image.name === text)?.image ?? null;
}
