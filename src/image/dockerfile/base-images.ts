import { createHash } from 'node:crypto';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ImageContext } from '../guest-image.ts';
import { type FoundImage, findImage } from '../oci/find-image.ts';
import { parseImageSource } from '../oci/image-source.ts';
import type { Registries } from '../oci/open-registry.ts';
import type { DockerfileRecipe } from '../recipe.ts';
import { dockerfileInvalid } from './dockerfile-error.ts';
import type { ImageWord } from './parse-dockerfile.ts';
import { addTrust } from './trusting-config.ts';

/** An image that a Dockerfile starts from or copies from. */
export interface BaseImage {
  readonly reference: string;
  readonly image: FoundImage;
  /** Its configuration, as the builder gets it. */
  readonly config: Buffer;
  /** Digest of that, 64 hex digits: the builder calls it so. */
  readonly id: string;
}

/** The name of a base image in the builder. */
export function builderName({ id }: Pick<BaseImage, 'id'>): string {
  return `localhost/gondolin/${id}`;
}

/**
 * Finds out what the references of a Dockerfile are. Registries are asked as for an image of a sandbox, with the credentials of the user.
 * @throws {GondolinError} those of `findImage`, with the line.
 */
export async function findBases(
  words: readonly ImageWord[],
  recipe: DockerfileRecipe,
  variables: Readonly<Record<string, string>>,
  registries: Registries,
  context: ImageContext,
): Promise<ReadonlyMap<string, BaseImage>> {
  const bases = new Map<string, BaseImage>();
  for (const { name: reference, line } of words) {
    if (bases.has(reference)) continue;
    const image = await findBase(reference, line, recipe, registries, context);
    const config = addTrust(image.config, variables, image.name);
    const id = createHash('sha256').update(config).digest('hex');
    bases.set(reference, { reference, image, config, id });
  }
  return bases;
}

async function findBase(
  source: string,
  line: number,
  { path, arch, release, pull, digests = {} }: DockerfileRecipe,
  registries: Registries,
  context: ImageContext,
): Promise<FoundImage> {
  if (
    parseImageSource(source.replace(/^(oci-layout|docker-archive):.*/s, '$1:/')).kind !== 'registry'
  ) {
    throw dockerfileInvalid(path, line, `"${source}" is not an image of a registry`);
  }
  try {
    const digest = digests[source] ?? null;
    const asked = { kind: 'oci', source, arch, release, pull, digest } as const;
    return await findImage(asked, registries, context);
  } catch (cause) {
    if (!GondolinError.is(cause)) throw cause;
    const { code, hint, details } = cause;
    const message = `${path}:${line}: ${cause.message}`;
    throw new GondolinError(code, message, { cause, hint, details: { ...details, path, line } });
  }
}
