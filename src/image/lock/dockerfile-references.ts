import { openDockerfile } from '../dockerfile/read-inputs.ts';
import { parseImageSource } from '../oci/image-source.ts';
import type { DockerfileRecipe } from '../recipe.ts';

/**
 * The references of a Dockerfile that a lock decides about: of FROM, COPY --from and RUN --mount=from, in the stages that are
 * built. Each once.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID.
 */
export async function dockerfileReferences(recipe: DockerfileRecipe): Promise<string[]> {
  const { needed } = await openDockerfile(recipe);
  const names = needed.words.map(({ name }) => name).filter((name) => !name.includes('@'));
  return [...new Set(names)].filter((name) => isOfRegistry(name));
}

/** Others are refused by the build, with their line. */
function isOfRegistry(name: string): boolean {
  return (
    !/^(?:oci-layout|docker-archive):/.test(name) && parseImageSource(name).kind === 'registry'
  );
}
