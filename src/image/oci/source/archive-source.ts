import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import {
  decodeJson,
  list,
  nullable,
  object,
  text,
  withDefault,
} from '../../../util/json-decoder.ts';
import { CONFIG_MAX_BYTES } from '../documents/image-config.ts';
import { manifestInvalid } from '../documents/manifest.ts';
import { type ArchivedFile, indexArchive } from './archive-index.ts';
import { openLocalFile } from './local-file.ts';
import type { LayerSource, ResolvedImage } from './resolved-image.ts';

const READ_BYTES = 256 * 1024;
const LINKS_MAX = 4;
const IMAGES_MAX = 1000;

const path = text({ maxLength: 4096 });
const manifest = list(
  object({
    Config: path,
    RepoTags: withDefault(nullable(list(text({ maxLength: 1000 }), { maxLength: 1000 })), null),
    Layers: list(path, { maxLength: 1000 }),
  }),
  { maxLength: IMAGES_MAX },
);

/**
 * Finds an image in a file that `docker save` or `podman save` wrote.
 *
 * @param wanted  Its name there, such as `app:1`; null for the only one.
 * @throws {GondolinError} IMAGE_NOT_FOUND, IMAGE_LAYER_INVALID, IMAGE_MANIFEST_INVALID.
 */
export async function resolveInArchive(
  archivePath: string,
  wanted: string | null,
): Promise<ResolvedImage> {
  const name = `docker-archive:${archivePath}`;
  const file = await openLocalFile(archivePath);
  try {
    const files = await indexArchive(file);
    const json = (await readArchived(file, files, 'manifest.json', name)).toString('utf8');
    const decoded = decodeJson(json, manifest);
    if (!decoded.ok) throw manifestInvalid(name, `its manifest.json: ${decoded.problem}`);
    const { Config, Layers } = chooseImage(decoded.value, wanted, name);
    const config = await readArchived(file, files, Config, name);
    const layers = Layers.map((layer) => findFile(files, layer, name));
    const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
    return {
      digest,
      sourceDigest: digest,
      config,
      layers: async () => layers.map((layer) => layerSource(archivePath, layer)),
    };
  } finally {
    await file.close();
  }
}

type ArchivedImage = ReturnType<typeof manifest>[number];

function chooseImage(
  images: readonly ArchivedImage[],
  wanted: string | null,
  name: string,
): ArchivedImage {
  const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  const [only] = images;
  if (wanted === null && only !== undefined && images.length === 1) return only;
  const found = images.find(({ RepoTags }) =>
    RepoTags?.some((tag) => tag === wanted || tag.endsWith(`/${wanted}`)),
  );
  if (found !== undefined) return found;
  const have = tags.slice(0, 10).join(', ') || 'none with a name';
  throw manifestInvalid(name, `want the name of one of its images: it has ${have}`);
}

function findFile(
  files: ReadonlyMap<string, ArchivedFile>,
  wanted: string,
  name: string,
): ArchivedFile {
  let at = wanted;
  for (let links = 0; links <= LINKS_MAX; links += 1) {
    const found = files.get(at);
    if (found === undefined) break;
    if (found.link === null) return found;
    at = posix.join(posix.dirname(at), found.link);
  }
  throw manifestInvalid(name, `it has no file "${wanted}"`);
}

async function readArchived(
  file: FileHandle,
  files: ReadonlyMap<string, ArchivedFile>,
  wanted: string,
  name: string,
): Promise<Buffer> {
  const { size, offset } = findFile(files, wanted, name);
  if (size > CONFIG_MAX_BYTES) throw manifestInvalid(name, `"${wanted}" has ${size} bytes`);
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await file.read(bytes, 0, size, offset);
  if (bytesRead < size) throw manifestInvalid(name, `"${wanted}" ends too early`);
  return bytes;
}

function layerSource(archivePath: string, { offset, size }: ArchivedFile): LayerSource {
  const range = { start: offset, end: offset + size - 1, highWaterMark: READ_BYTES };
  return {
    sizeBytes: size,
    fetch: async () => ({
      open: () => createReadStream(archivePath, range),
      release: () => undefined,
    }),
  };
}
