import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { manifestInvalid } from '../oci/documents/manifest.ts';
import { type FetchedLayerFile, fetchLayers } from '../oci/fetch-layers.ts';
import { type FoundImage, findImage, type OciContext } from '../oci/find-image.ts';
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
  context: OciContext,
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
  { path, arch, release, pull }: DockerfileRecipe,
  registries: Registries,
  context: OciContext,
): Promise<FoundImage> {
  if (
    parseImageSource(source.replace(/^(oci-layout|docker-archive):.*/s, '$1:/')).kind !== 'registry'
  ) {
    throw dockerfileInvalid(path, line, `"${source}" is not an image of a registry`);
  }
  try {
    const asked = { kind: 'oci', source, arch, release, pull, digest: null } as const;
    return await findImage(asked, registries, context);
  } catch (cause) {
    if (!GondolinError.is(cause)) throw cause;
    const { code, hint, details } = cause;
    const message = `${path}:${line}: ${cause.message}`;
    throw new GondolinError(code, message, { cause, hint, details: { ...details, path, line } });
  }
}

/**
 * Downloads a base image and writes it into a directory as the transport `dir:` of skopeo and buildah has it.
 * @param held  Receives what the caller has to release once the directory is not needed any more.
 * @returns Its layers, to be read again for the image that is built.
 */
export async function writeBase(
  base: BaseImage,
  directory: string,
  held: { release(): void }[],
  context: OciContext,
): Promise<readonly FetchedLayerFile[]> {
  const { image, config, id } = base;
  await mkdir(directory);
  const layers = await image.withLayers((sources) => fetchLayers(sources, image, held, context, 1));
  await image.remember();
  const descriptors = [];
  for (const { descriptor, path } of layers) {
    if (descriptor === null || path === null)
      throw manifestInvalid(image.name, 'it has no manifest');
    const name = descriptor.digest.slice('sha256:'.length);
    await linkOrCopy(path, join(directory, name));
    descriptors.push(descriptor);
  }
  // Types of both are not mixed: builders refuse zstd under Docker's.
  const isOci = descriptors.some(({ mediaType }) => mediaType.startsWith('application/vnd.oci.'));
  const types = isOci ? OCI_TYPES : DOCKER_TYPES;
  const about = { mediaType: types.config, digest: `sha256:${id}`, size: config.length };
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: about,
    layers: descriptors,
  };
  await writeFile(join(directory, id), config);
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
  return layers;
}

const OCI_TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
} as const;
const DOCKER_TYPES = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
} as const;

/** A layer that an image has twice is there already. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // Another file system, one without links, or a file of another user.
    await copyFile(from, to);
  }
}
