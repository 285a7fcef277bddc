import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ImageContext } from '../guest-image.ts';
import type { OciRecipe } from '../recipe.ts';
import { type ImageConfigDocument, parseImageConfig } from './documents/image-config.ts';
import { parseImageSource } from './image-source.ts';
import type { Registries } from './open-registry.ts';
import { formatReference, parseReference, type RegistryReference } from './reference.ts';
import {
  type ReferenceRecord,
  readReferenceRecord,
  writeReferenceRecord,
} from './reference-record.ts';
import { checkLayerCount } from './source/check-layer-count.ts';
import type { LayerSource, ResolvedImage } from './source/resolved-image.ts';

/** An OCI image whose configuration is known; its layers may be far away. */
export interface FoundImage extends ImageConfigDocument {
  /** For people: the whole reference, or the path. */
  readonly name: string;
  /** Digest of what the reference names. */
  readonly sourceDigest: string;
  /** Bytes of the configuration. */
  readonly config: Buffer;
  /** Gives `use` the layers, the lowest first. */
  withLayers<T>(use: (layers: readonly LayerSource[]) => Promise<T>): Promise<T>;
  /** Notes what the reference means, once the image is in the cache. */
  remember(): Promise<void>;
}

/**
 * Finds out what the source of a recipe is, and asks its registry only where the recipe wants that.
 * @throws {GondolinError} IMAGE_REFERENCE_INVALID, IMAGE_NOT_PULLED, IMAGE_MANIFEST_INVALID and others of the sources.
 */
export async function findImage(
  recipe: OciRecipe,
  registries: Registries,
  context: ImageContext,
): Promise<FoundImage> {
  const source = parseImageSource(recipe.source);
  if (source.kind === 'registry') {
    return findInRegistry(recipe, source.reference, registries, context);
  }
  const resolved = await resolveLocal(recipe, source);
  return found(resolved, recipe, recipe.source, async () => undefined);
}

/** Opens an image of this disk. */
export async function resolveLocal(
  { arch }: Pick<OciRecipe, 'arch'>,
  source: Exclude<ReturnType<typeof parseImageSource>, { kind: 'registry' }>,
): Promise<ResolvedImage> {
  if (source.kind === 'layout') {
    const { resolveInLayout } = await import('./source/layout-source.ts');
    return resolveInLayout(source.path, source.name, arch);
  }
  const { resolveInArchive } = await import('./source/archive-source.ts');
  return resolveInArchive(source.path, source.name);
}

function found(
  resolved: ResolvedImage,
  { arch }: OciRecipe,
  name: string,
  remember: () => Promise<void>,
): FoundImage {
  const document = parseImageConfig(resolved.config, arch, name);
  return {
    ...document,
    name,
    remember,
    sourceDigest: resolved.sourceDigest,
    config: resolved.config,
    withLayers: async (use) => {
      const layers = await resolved.layers();
      checkLayerCount(layers, document, name);
      return use(layers);
    },
  };
}

async function findInRegistry(
  recipe: OciRecipe,
  text: string,
  registries: Registries,
  context: ImageContext,
): Promise<FoundImage> {
  const { cacheDirectory } = context.options;
  const reference = lockedReference(recipe, text, registries);
  const name = formatReference(reference);
  const isAsked = recipe.pull === 'always' && reference.digest === null;
  const known = isAsked ? null : await readReferenceRecord(cacheDirectory, name, recipe.arch);
  const asking = { recipe, registries, context };
  if (known !== null) return recorded(known, reference, asking);
  if (recipe.pull === 'never') throw notPulled(name, 'it was not pulled, and pull: never is set');
  return pull(reference, asking);
}

interface Asking {
  readonly recipe: OciRecipe;
  readonly registries: Registries;
  readonly context: ImageContext;
}

/** The reference as it is recorded: with the digest of the lock, if there is one. */
export function lockedReference(
  { digest }: Pick<OciRecipe, 'digest'>,
  text: string,
  { settings }: Pick<Registries, 'settings'>,
): RegistryReference {
  const reference = parseReference(text, settings.default);
  return digest === null ? reference : { ...reference, digest };
}

/** Asks the registry what the reference means now. */
async function pull(reference: RegistryReference, asking: Asking): Promise<FoundImage> {
  const { recipe, context } = asking;
  const name = formatReference(reference);
  context.onEvent({
    ...{ level: 'info', artifact: 'rootfs', phase: 'resolve', fraction: 0 },
    message: `looking up ${name}`,
  });
  const resolved = await resolve(reference, asking);
  const { digest, sourceDigest } = resolved;
  const config = resolved.config.toString('utf8');
  const facts = { reference: name, arch: recipe.arch, digest, sourceDigest, config };
  return found(resolved, recipe, name, () =>
    writeReferenceRecord(context.options.cacheDirectory, facts),
  );
}

async function resolve(reference: RegistryReference, asking: Asking): Promise<ResolvedImage> {
  const { resolveInRegistry } = await import('./source/registry-source.ts');
  const { options, onEvent } = asking.context;
  return resolveInRegistry(reference, {
    client: await asking.registries.client(),
    cacheDirectory: options.cacheDirectory,
    arch: asking.recipe.arch,
    onEvent,
  });
}

function recorded(
  record: ReferenceRecord,
  reference: RegistryReference,
  asking: Asking,
): FoundImage {
  const { arch, pull: policy } = asking.recipe;
  const name = formatReference(reference);
  const config = Buffer.from(record.config);
  const document = parseImageConfig(config, arch, name);
  return {
    ...document,
    ...{ name, config },
    sourceDigest: record.sourceDigest,
    remember: async () => undefined,
    // The image is no longer in the cache: the same one is pulled again, whatever its tag means by now.
    withLayers: async (use) => {
      if (policy === 'never') {
        throw notPulled(name, 'it is no longer in the cache, and pull: never is set');
      }
      const resolved = await resolve({ ...reference, digest: record.digest }, asking);
      const layers = await resolved.layers();
      checkLayerCount(layers, document, name);
      return use(layers);
    },
  };
}

function notPulled(name: string, problem: string): GondolinError {
  return new GondolinError('IMAGE_NOT_PULLED', `Cannot use the image ${name}: ${problem}`);
}
