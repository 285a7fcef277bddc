import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The layers of an image as digests of their archives, the lowest first: `sha256:` and 64 hex digits each. */
export type LayerChain = readonly string[];

/** An image in the store. */
export interface StoredImage {
  /** Digest of its configuration, 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly config: Buffer;
  readonly layers: LayerChain;
}

/** Only Docker's form of a configuration has ONBUILD. */
const DOCKER = 'application/vnd.docker';
/** So that equal images give equal files. */
const CREATED = '2025-01-01T00:00:00Z';

/**
 * Writes the directory of a read-only store of images, as containers-storage has it with overlayfs (`overlay.imagestore`). A builder that is
 * given the store has the images at once: nothing is copied, hashed or unpacked in it.
 *
 * The directory has no files of the images. The whole tree of an image is to be mounted at {@link treeOf} its layers; those below are empty, and
 * its uppermost layer names none of them to be mounted under it. What a builder reads of the lower ones are their digests: they become
 * part of the images that it makes.
 *
 * @param old  Layers of images that the builder knew in earlier builds, and does not use now: what it made of them refers to them.
 * @see containers/storage, drivers/overlay and layers.go
 */
export async function writeBaseStore(
  directory: string,
  images: readonly StoredImage[],
  old: readonly LayerChain[],
): Promise<void> {
  const layers = new Map<string, Layer>();
  for (const chain of [...images.map((image) => image.layers), ...old]) {
    for (const layer of layersOf(chain)) layers.set(layer.id, layer);
  }
  await mkdir(join(directory, 'overlay/l'), { recursive: true });
  for (const { id } of layers.values()) await writeTreePlace(directory, id);
  const records = [...layers.values()].map(({ id, parent, digest }) => ({
    ...{ id, ...(parent === null ? {} : { parent }), created: CREATED },
    // Its length is used for nothing that we read.
    ...{ 'diff-digest': digest, 'diff-size': 1 },
  }));
  await writeRecords(directory, 'layers', records);
  const described = [];
  for (const image of images) described.push(await writeImage(directory, image));
  await writeRecords(directory, 'images', described);
}

/** Path in the store of the whole tree of an image with these layers. */
export function treeOf(chain: LayerChain): string {
  return `overlay/${layersOf(chain).at(-1)?.id ?? ''}/diff`;
}

interface Layer {
  readonly id: string;
  readonly parent: string | null;
  readonly digest: string;
}

/** Named as containers-image names them: it takes a layer of that name for the one that it looks for. */
function layersOf(chain: LayerChain): Layer[] {
  const layers: Layer[] = [];
  for (const digest of chain) {
    const parent = layers.at(-1)?.id ?? null;
    const own = digest.slice('sha256:'.length);
    layers.push({ id: parent === null ? own : sha256(`${parent}+${own}`), parent, digest });
  }
  return layers;
}

async function writeTreePlace(directory: string, id: string): Promise<void> {
  // Mount options have no room for the whole id of each layer.
  const link = sha256(id).slice(0, 26).toUpperCase();
  await mkdir(join(directory, 'overlay', id, 'diff'), { recursive: true });
  await writeFile(join(directory, 'overlay', id, 'link'), link);
  await symlink(`../${id}/diff`, join(directory, 'overlay/l', link));
}

async function writeRecords(directory: string, kind: string, records: object[]): Promise<void> {
  const place = join(directory, `overlay-${kind}`);
  await mkdir(place, { recursive: true });
  await writeFile(join(place, `${kind}.json`), JSON.stringify(records));
  await writeFile(join(place, `${kind}.lock`), '');
}

async function writeImage(
  directory: string,
  { id, name, config, layers }: StoredImage,
): Promise<object> {
  const about = { mediaType: `${DOCKER}.container.image.v1+json`, digest: `sha256:${id}` };
  const mediaType = `${DOCKER}.image.rootfs.diff.tar`;
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: `${DOCKER}.distribution.manifest.v2+json` },
      config: { ...about, size: config.length },
      layers: layers.map((digest) => ({ mediaType, digest, size: 1 })),
    }),
  );
  const digest = `sha256:${sha256(manifest)}`;
  const place = join(directory, 'overlay-images', id);
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'manifest'), manifest);
  const configName = `sha256:${id}`;
  await writeFile(join(place, `=${Buffer.from(configName).toString('base64')}`), config);
  return {
    ...{ id, digest, names: [`${name}:latest`], created: CREATED },
    layer: layersOf(layers).at(-1)?.id ?? '',
    'big-data-names': ['manifest', configName],
    'big-data-sizes': { manifest: manifest.length, [configName]: config.length },
    'big-data-digests': { manifest: digest, [configName]: configName },
  };
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
