import type { ImageContext } from '../guest-image.ts';
import { fetchLayers } from '../oci/fetch-layers.ts';
import { openRegistries } from '../oci/open-registry.ts';
import type { DockerfileRecipe } from '../recipe.ts';
import { findBases } from './base-images.ts';
import { openDockerfile } from './read-inputs.ts';

/**
 * Asks the registries what the images of a Dockerfile are now, and downloads them; builds nothing.
 * @returns Their whole references.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID, and those of `ensureOciRootfs` with the line.
 */
export async function pullBases(
  recipe: DockerfileRecipe,
  context: ImageContext,
): Promise<string[]> {
  const { needed } = await openDockerfile(recipe);
  const registries = await openRegistries(context.options, context.signal);
  const held: { release(): void }[] = [];
  try {
    const asked: DockerfileRecipe = { ...recipe, pull: 'always' };
    const bases = await findBases(needed.words, asked, {}, registries, context);
    for (const { image } of bases.values()) {
      await image.withLayers((layers) => fetchLayers(layers, image, held, context, 1));
      await image.remember();
    }
    return [...bases.values()].map(({ image }) => image.name);
  } finally {
    for (const layer of held) layer.release();
    await registries.close();
  }
}
