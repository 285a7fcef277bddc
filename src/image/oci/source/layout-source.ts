import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Arch } from '../documents/choose-platform.ts';
import { choosePlatform } from '../documents/choose-platform.ts';
import type { Descriptor } from '../documents/descriptor.ts';
import { CONFIG_MAX_BYTES } from '../documents/image-config.ts';
import { type ImageIndex, manifestInvalid, parseDocument } from '../documents/manifest.ts';
import { checkDigest } from './check-digest.ts';
import { findManifest } from './document-chain.ts';
import { openLocalFile, readLocalFile } from './local-file.ts';
import type { LayerSource, ResolvedImage } from './resolved-image.ts';

const DOCUMENT_MAX_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 256 * 1024;
const NAME_ANNOTATION = 'org.opencontainers.image.ref.name';

/**
 * Finds an image in a directory of OCI's layout. Every byte is checked by its digest, each time it is read.
 *
 * @param wanted  Its name there; null for the only one, or the one for this platform.
 * @throws {GondolinError} IMAGE_NOT_FOUND, IMAGE_DIGEST_MISMATCH, IMAGE_MANIFEST_INVALID, IMAGE_PLATFORM_MISSING.
 * @see OCI image-spec image-layout.md
 */
export async function resolveInLayout(
  directory: string,
  wanted: string | null,
  arch: Arch,
): Promise<ResolvedImage> {
  const name = `oci-layout:${directory}`;
  const document = parseDocument(
    await readLocalFile(join(directory, 'index.json'), DOCUMENT_MAX_BYTES),
    name,
  );
  if (document.kind !== 'index') throw manifestInvalid(name, 'its index.json is not an index');
  const start = chooseNamed(document, wanted, arch, name);
  const fetch = async (digest: string) => {
    const bytes = await readLocalFile(blobPath(directory, digest), DOCUMENT_MAX_BYTES);
    checkDigest(bytes, digest, name);
    return bytes;
  };
  const first = { digest: start, bytes: await fetch(start) };
  const { digest, manifest } = await findManifest(first, arch, name, fetch);
  const config = await readLocalFile(blobPath(directory, manifest.config.digest), CONFIG_MAX_BYTES);
  checkDigest(config, manifest.config.digest, name);
  return {
    digest,
    sourceDigest: start,
    config,
    layers: async () => manifest.layers.map((layer) => layerSource(directory, layer)),
  };
}

function chooseNamed(index: ImageIndex, wanted: string | null, arch: Arch, name: string): string {
  if (wanted === null) {
    const [only] = index.manifests;
    if (only !== undefined && index.manifests.length === 1) return only.digest;
    return choosePlatform(index, arch, name).digest;
  }
  const found = index.manifests.find(({ annotations }) => annotations[NAME_ANNOTATION] === wanted);
  if (found !== undefined) return found.digest;
  throw manifestInvalid(name, `it has no image of the name "${wanted}"`);
}

function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

/** The digest of the archive in it is checked where it is unpacked; that of what is stored has no further use. */
function layerSource(directory: string, { digest, size }: Descriptor): LayerSource {
  const path = blobPath(directory, digest);
  return {
    sizeBytes: size,
    async fetch() {
      await (await openLocalFile(path)).close();
      return {
        open: () => createReadStream(path, { highWaterMark: READ_BYTES }),
        release: () => undefined,
      };
    },
  };
}
