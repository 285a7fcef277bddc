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
  options: PeekOciOptions,
): Promise<ImageConfigDocument | null> {
  const found = await peekOci(recipe, options);
  return found === null ? null : parseImageConfig(found.config, recipe.arch, found.name);
}

export type PeekOciOptions = Pick<EnsureImageOptions, 'cacheDirectory' | 'env'>;

/** Like {@link peekOciConfig}, with the bytes of the configuration and the whole reference. */
export async function peekOci(
  recipe: OciRecipe,
  options: PeekOciOptions,
): Promise<{ readonly config: Buffer; readonly name: string } | null> {
  const source = parseImageSource(recipe.source);
  if (source.kind !== 'registry') {
    const { config } = await resolveLocal(recipe, source);
    return { config, name: recipe.source };
  }
  const registries = await openRegistries(options, new AbortController().signal);
  const reference = lockedReference(recipe, source.reference, registries);
  if (recipe.pull === 'always' && reference.digest === null) return null;
  const name = formatReference(reference);
  const record = await readReferenceRecord(options.cacheDirectory, name, recipe.arch);
  return record === null ? null : { config: Buffer.from(record.config), name };
}
