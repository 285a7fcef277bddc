import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ImageContext } from '../guest-image.ts';
import { type FoundImage, findImage } from '../oci/find-image.ts';
import { parseImageSource } from '../oci/image-source.ts';
import { decompressLayer } from '../oci/layer/decompress.ts';
import type { LayerFile } from '../oci/layer/merge-layers.ts';
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

/**
 * Writes a base image into a directory as the transport `dir:` of skopeo and buildah has it. Its layers are not compressed: the builder, in a
 * VM, would take many times as long to decompress them.
 * @throws {GondolinError} IMAGE_DIGEST_MISMATCH, IMAGE_LAYER_INVALID.
 */
export async function writeBase(
  { config, id }: BaseImage,
  layers: readonly LayerFile[],
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(directory);
  const descriptors = [];
  for (const layer of layers) {
    const path = join(directory, layer.diffId.slice('sha256:'.length));
    const size = await writeLayer(layer, path, signal);
    descriptors.push({ mediaType: `${DOCKER}.image.rootfs.diff.tar`, digest: layer.diffId, size });
  }
  const about = { mediaType: `${DOCKER}.container.image.v1+json`, digest: `sha256:${id}` };
  const manifest = {
    ...{ schemaVersion: 2, mediaType: `${DOCKER}.distribution.manifest.v2+json` },
    ...{ config: { ...about, size: config.length }, layers: descriptors },
  };
  await writeFile(join(directory, id), config);
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
}

/** Only Docker's form of a configuration has ONBUILD. */
const DOCKER = 'application/vnd.docker';

/** @returns its size. */
async function writeLayer(layer: LayerFile, path: string, signal: AbortSignal): Promise<number> {
  let size = 0;
  const hash = createHash('sha256');
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of decompressLayer(layer.open())) {
      size += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(chunks, createWriteStream(path, { mode: 0o600 }), { signal });
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest === layer.diffId) return size;
  const message = `Cannot unpack the image: a layer has the digest ${digest}, and its configuration says ${layer.diffId}`;
  throw new GondolinError('IMAGE_DIGEST_MISMATCH', message);
}
