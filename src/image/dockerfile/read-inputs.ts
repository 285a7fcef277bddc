import { createHash } from 'node:crypto';
import { GO_ARCHITECTURES } from '../oci/documents/choose-platform.ts';
import type { FoundImage } from '../oci/find-image.ts';
import type { DockerfileRecipe } from '../recipe.ts';
import { dockerfileKey } from '../recipe-keys.ts';
import { type ContextTree, EMPTY_CONTEXT, readContext } from './context-tree.ts';
import { dockerfileInvalid } from './dockerfile-error.ts';
import { type NeededImages, neededImages } from './needed-images.ts';
import { type ParsedDockerfile, parseDockerfile } from './parse-dockerfile.ts';
import { readDocument } from './read-document.ts';
import { hasTriggers } from './trusting-config.ts';

/** A Dockerfile, and the images that its target needs. */
export interface OpenDockerfile {
  readonly dockerfile: ParsedDockerfile;
  readonly needed: NeededImages;
}

/** @throws {GondolinError} IMAGE_DOCKERFILE_INVALID with the line. */
export async function openDockerfile(recipe: DockerfileRecipe): Promise<OpenDockerfile> {
  const { path, args, target, arch } = recipe;
  const text = await readDocument(path);
  if (text === null) throw dockerfileInvalid(path, null, 'there is no such file');
  const architecture = GO_ARCHITECTURES[arch];
  const dockerfile = parseDockerfile(text, { path, args, architecture });
  return { dockerfile, needed: neededImages(dockerfile, target, path) };
}

/** Returns the name of the record of what a built image says about running it. */
export function recordName(key: string): string {
  return `dockerfile:${key}`;
}

/** Everything that decides what a build gives. */
export interface DockerfileState {
  readonly context: ContextTree;
  readonly key: string;
}

/**
 * Reads the context, if the build reads it, and returns the key of the image.
 * @param bases  By the references of the Dockerfile.
 */
export async function readDockerfileState(
  recipe: DockerfileRecipe,
  { dockerfile, needed }: OpenDockerfile,
  bases: ReadonlyMap<string, Pick<FoundImage, 'config' | 'name'>>,
  signal: AbortSignal,
): Promise<DockerfileState> {
  const images = [...bases];
  const isRead =
    needed.readsContext || images.some(([, { config, name }]) => hasTriggers(config, name));
  const context = isRead ? await readContext(recipe.path, recipe.context, signal) : EMPTY_CONTEXT;
  const ids = images.map(([reference, { config }]) => [
    reference,
    createHash('sha256').update(config).digest('hex'),
  ]);
  const key = dockerfileKey(recipe, {
    text: dockerfile.text,
    contextDigest: context.digest,
    bases: Object.fromEntries(ids) as Record<string, string>,
  });
  return { context, key };
}
