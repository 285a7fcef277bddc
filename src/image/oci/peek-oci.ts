import type { EnsureImageOptions } from '../guest-image.ts';
import type { OciRecipe } from '../recipe.ts';
import { type ImageConfigDocument, parseImageConfig } from './documents/image-config.ts';
import { lockedReference, resolveLocal } from './find-image.ts';
import { parseImageSource } from './image-source.ts';
import { openRegistries } from './open-registry.ts';
import { formatReference } from './reference.ts';
import { readReferenceRecord } from './reference-record.ts';

/**
 * The configuration that a start would use without asking a registry; null when the image was never pulled, or the registry
 * is to be asked each time.
 * @throws {GondolinError} as `findImage`.
 */
export async function peekOciConfig(
  recipe: OciRecipe,
  options: Pick<EnsureImageOptions, 'cacheDirectory' | 'env'>,
): Promise<ImageConfigDocument | null> {
  const source = parseImageSource(recipe.source);
  if (source.kind !== 'registry') {
    const { config } = await resolveLocal(recipe, source);
    return parseImageConfig(config, recipe.arch, recipe.source);
  }
  const registries = await openRegistries(options, new AbortController().signal);
  const reference = lockedReference(recipe, source.reference, registries);
  if (recipe.pull === 'always' && reference.digest === null) return null;
  const name = formatReference(reference);
  const record = await readReferenceRecord(options.cacheDirectory, name, recipe.arch);
  return record === null ? null : parseImageConfig(Buffer.from(record.config), recipe.arch, name);
}
