import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../../../host/directories.ts';
import { ensureEntry } from '../../cache/entry.ts';
import { keepUntilReady } from '../../cache/keep-until-ready.ts';
import { ARTIFACT_FILES, entryPlace, partialDirectory } from '../../cache/layout.ts';
import type { ImageEvent } from '../../guest-image.ts';
import type { Arch } from '../documents/choose-platform.ts';
import type { Descriptor } from '../documents/descriptor.ts';
import { CONFIG_MAX_BYTES } from '../documents/image-config.ts';
import { manifestInvalid } from '../documents/manifest.ts';
import { formatReference, type RegistryReference } from '../reference.ts';
import { downloadBlob } from '../registry/download-blob.ts';
import { readBody } from '../registry/exchange.ts';
import type { RegistryClient } from '../registry/registry-client.ts';
import { checkDigest } from './check-digest.ts';
import { findManifest } from './document-chain.ts';
import type { LayerSource, ResolvedImage } from './resolved-image.ts';

export interface RegistrySourceOptions {
  readonly client: RegistryClient;
  readonly cacheDirectory: string;
  readonly arch: Arch;
  /** Gets what happens to entries of the cache. */
  readonly onEvent: (event: ImageEvent) => void;
}

const READ_BYTES = 256 * 1024;

/**
 * Finds an image in its registry: by its digest if the reference has one, else by its tag.
 * @throws {GondolinError} as {@link RegistryClient.fetchDocument}; IMAGE_MANIFEST_INVALID, IMAGE_PLATFORM_MISSING.
 */
export async function resolveInRegistry(
  reference: RegistryReference,
  options: RegistrySourceOptions,
): Promise<ResolvedImage> {
  const { client, arch } = options;
  const name = formatReference(reference);
  const start = await client.fetchDocument(reference, reference.digest ?? reference.tag ?? '');
  const fetch = async (digest: string) => (await client.fetchDocument(reference, digest)).bytes;
  const { digest, manifest } = await findManifest(start, arch, name, fetch);
  return {
    digest,
    sourceDigest: start.digest,
    config: await fetchConfig(manifest.config, reference, client),
    layers: async () => manifest.layers.map((layer) => layerSource(layer, reference, options)),
  };
}

async function fetchConfig(
  config: Descriptor,
  reference: RegistryReference,
  client: RegistryClient,
): Promise<Buffer> {
  const name = formatReference(reference);
  if (config.size > CONFIG_MAX_BYTES) {
    throw manifestInvalid(name, `its configuration has ${config.size} bytes`);
  }
  let bytes: Buffer = Buffer.alloc(0);
  const readFrom = () => 0;
  await client.readBlob(reference, config.digest, readFrom, async (response) => {
    bytes = await readBody(response, CONFIG_MAX_BYTES, `https://${reference.registry}`);
  });
  checkDigest(bytes, config.digest, name);
  return bytes;
}

function layerSource(
  layer: Descriptor,
  reference: RegistryReference,
  { client, cacheDirectory, onEvent }: RegistrySourceOptions,
): LayerSource {
  const key = layer.digest.slice('sha256:'.length);
  const place = entryPlace(cacheDirectory, 'layer', key);
  const [fileName] = ARTIFACT_FILES.layer;
  const build = async (target: string, signal: AbortSignal, onProgress: (n: number) => void) => {
    const partial = partialDirectory(cacheDirectory);
    await ensureDirectory(partial);
    // Not in the entry's own temporary directory: what was downloaded outlives this process.
    const path = join(partial, key);
    await downloadBlob(layer, path, { client, reference, signal, onProgress });
    await keepUntilReady(path, join(target, fileName));
    const title = `layer of ${formatReference(reference)}`.slice(0, 1000);
    const files = { [fileName]: { sizeBytes: layer.size, sha256: key } };
    return { title, kernelRelease: '', files };
  };
  return {
    sizeBytes: layer.size,
    async fetch(signal, onProgress) {
      const entry = await ensureEntry(place, {
        build: (target) => build(target, signal, onProgress),
        onEvent,
        signal,
      });
      onProgress(layer.size);
      await rm(join(partialDirectory(cacheDirectory), key), { force: true });
      const path = join(place.directory, fileName);
      return {
        open: () => createReadStream(path, { highWaterMark: READ_BYTES }),
        release: () => entry.lock.release(),
      };
    },
  };
}
