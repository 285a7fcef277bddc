import { GondolinError } from '../../../errors/gondolin-error.ts';
import {
  anything,
  type Decoder,
  decodeJson,
  integer,
  list,
  literal,
  object,
  partial,
  text,
  withDefault,
} from '../../../util/json-decoder.ts';
import { type Descriptor, descriptor, digestText, mediaType } from './descriptor.ts';

/** An image for one platform: its configuration and its layers, the lowest first. */
export interface ImageManifest {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The same image for several platforms. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly manifests: readonly IndexEntry[];
}

export interface IndexEntry {
  readonly digest: string;
  readonly mediaType: string;
  readonly platform: Partial<Platform>;
  readonly annotations: Readonly<Record<string, unknown>>;
}

/** As Go names them: `linux`, `amd64`, `v8`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

/** Docker's own engine stops at 127. */
const LAYERS_MAX = 1000;
const MANIFESTS_MAX = 10_000;
const INDEX_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);
const CONFIG_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs)\.[a-z.0-9]*tar(?:[.+](?:gzip|zstd))?$/;

const head = object<{
  schemaVersion: number;
  mediaType: string;
  manifests: unknown;
  layers: unknown;
}>({
  schemaVersion: integer(),
  mediaType: withDefault(mediaType, ''),
  manifests: anything,
  layers: anything,
});
const platform: Decoder<Partial<Platform>> = partial<Platform>({
  os: text(),
  architecture: text(),
  variant: text(),
});
const indexEntry: Decoder<IndexEntry> = object<IndexEntry>({
  digest: digestText,
  mediaType: withDefault(mediaType, ''),
  platform: withDefault<Partial<Platform>>(platform, {}),
  annotations: withDefault(
    (value) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {},
    {},
  ),
});
const index = object({
  schemaVersion: literal(2),
  manifests: list(indexEntry, { maxLength: MANIFESTS_MAX }),
});
const manifest = object({
  schemaVersion: literal(2),
  config: descriptor,
  layers: list(descriptor, { maxLength: LAYERS_MAX }),
});

/**
 * Reads a manifest or an index. Untrusted. A document that could be read as both is refused: two programs could see
 * different images in it.
 *
 * @param name  The image, for messages.
 * @throws {GondolinError} IMAGE_MANIFEST_INVALID.
 * @see OCI image-spec manifest.md, image-index.md; CVE-2021-41190
 */
export function parseDocument(bytes: Buffer, name: string): ImageManifest | ImageIndex {
  const json = bytes.toString('utf8');
  const { schemaVersion, mediaType: type, manifests, layers } = decoded(json, head, name);
  if (schemaVersion !== 2) {
    throw manifestInvalid(name, `it has the old schema ${schemaVersion}, want 2`);
  }
  if ((manifests === undefined) === (layers === undefined)) {
    throw manifestInvalid(name, 'it has to have either layers or manifests');
  }
  const types = manifests === undefined ? MANIFEST_TYPES : INDEX_TYPES;
  if (type !== '' && !types.has(type)) throw manifestInvalid(name, `it is of the type ${type}`);
  if (manifests !== undefined)
    return { kind: 'index', manifests: decoded(json, index, name).manifests };
  const found = decoded(json, manifest, name);
  checkTypes(found, name);
  return { kind: 'manifest', config: found.config, layers: found.layers };
}

function checkTypes({ config, layers }: Omit<ImageManifest, 'kind'>, name: string): void {
  if (!CONFIG_TYPES.has(config.mediaType)) {
    throw manifestInvalid(name, `it is not an image but ${config.mediaType}`);
  }
  for (const layer of layers) {
    if (LAYER_TYPE.test(layer.mediaType)) continue;
    throw manifestInvalid(name, `a layer is of the type ${layer.mediaType}`);
  }
}

function decoded<T>(json: string, decoder: Decoder<T>, name: string): T {
  const result = decodeJson(json, decoder);
  if (result.ok) return result.value;
  throw manifestInvalid(name, result.problem);
}

export function manifestInvalid(name: string, problem: string): GondolinError {
  const shown = name.replaceAll(/[^\x20-\x7e]/g, '?');
  return new GondolinError('IMAGE_MANIFEST_INVALID', `Cannot use the image ${shown}: ${problem}`);
}
