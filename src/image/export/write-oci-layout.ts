import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { replaceDirectoryAtomic, sweepTemporaries } from '../../host/atomic-write.ts';
import { asHostError } from '../../host/system-failure.ts';
import type { ImageParts } from '../image-parts.ts';
import { GO_ARCHITECTURES } from '../oci/documents/choose-platform.ts';
import type { ContainerConfig } from '../oci/documents/image-config.ts';
import { Squashfs } from '../squashfs/squashfs.ts';
import { writeTar } from '../squashfs/write-tar.ts';

/** An image that is to be written as an OCI layout. */
export interface LayoutExport {
  /** Absolute. */
  readonly directory: string;
  /** `org.opencontainers.image.ref.name`: the name that other tools find it by. */
  readonly name: string;
  /** For people. */
  readonly title: string;
}

/** The image as it was written. */
export interface ExportedLayout {
  /** Digest of its manifest: `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly layerBytes: number;
}

const TYPE = 'application/vnd.oci.image';
/** The same time in each export, so that the same image gives the same digest: 2025-01-01. */
const CREATED = '2025-01-01T00:00:00Z';
const LAYOUT_NAMES: readonly string[] = ['oci-layout', 'index.json', 'blobs'];
const GZIP_LEVEL = 5;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes the root file system of an image as an OCI layout with one layer, and what the image says about running it. The kernel is
 * not part of it. The directory has the old layout or the new one, whenever this process ends.
 *
 * @throws {GondolinError} IMAGE_OUTPUT_OCCUPIED when the directory holds something else; IMAGE_INVALID; HOST_*.
 * @throws the signal's reason when it aborts.
 * @see OCI image-spec image-layout.md, manifest.md and config.md
 */
export async function writeOciLayout(
  { directory, name, title }: LayoutExport,
  parts: Pick<ImageParts, 'rootfsPath' | 'container' | 'arch'>,
  signal: AbortSignal,
): Promise<ExportedLayout> {
  const { rootfsPath } = parts;
  if (rootfsPath === null) throw new TypeError('an image without a root file system');
  let exported: ExportedLayout | undefined;
  try {
    await checkLayoutOccupied(directory);
    await sweepTemporaries(dirname(directory));
    await replaceDirectoryAtomic(directory, async (temporary) => {
      const blobs = join(temporary, 'blobs', 'sha256');
      await mkdir(blobs, { recursive: true });
      const layer = await writeLayer(rootfsPath, blobs, signal);
      const configuration = imageConfig(parts, layer.diffId, title);
      const config = await writeJson(blobs, `${TYPE}.config.v1+json`, configuration);
      const { diffId: _, ...layerDescriptor } = layer;
      const mediaType = `${TYPE}.manifest.v1+json`;
      const manifest = await writeJson(blobs, mediaType, {
        ...{ schemaVersion: 2, mediaType, config, layers: [layerDescriptor] },
      });
      const annotations = { 'org.opencontainers.image.ref.name': name };
      const index = { schemaVersion: 2, mediaType: `${TYPE}.index.v1+json` };
      const manifests = [{ ...manifest, annotations }];
      await writeFile(join(temporary, 'index.json'), JSON.stringify({ ...index, manifests }));
      await writeFile(join(temporary, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
      exported = { digest: manifest.digest, layerBytes: layer.size };
      await checkLayoutOccupied(directory);
      signal.throwIfAborted();
    });
  } catch (error) {
    signal.throwIfAborted();
    throw asHostError(error, directory);
  }
  if (exported === undefined) throw new TypeError('the layout was not written');
  return exported;
}

async function writeLayer(
  rootfsPath: string,
  blobs: string,
  signal: AbortSignal,
): Promise<Descriptor & { readonly diffId: string }> {
  const image = await Squashfs.open(rootfsPath);
  const path = join(blobs, 'layer');
  const [plain, compressed] = [new DigestOf(), new DigestOf()];
  try {
    const source = Readable.from(writeTar(image), { objectMode: false });
    const stages = [plain, createGzip({ level: GZIP_LEVEL }), compressed] as const;
    await pipeline(source, ...stages, createWriteStream(path, { flags: 'wx' }), { signal });
  } finally {
    await image.close();
  }
  const digest = compressed.digest();
  await rename(path, join(blobs, digest.slice('sha256:'.length)));
  const mediaType = `${TYPE}.layer.v1.tar+gzip`;
  return { mediaType, digest, size: compressed.bytes, diffId: plain.digest() };
}

/** Passes bytes on, and digests them. */
class DigestOf extends Transform {
  readonly #hash = createHash('sha256');
  bytes = 0;

  override _transform(chunk: Buffer, _encoding: string, done: (e: null, chunk: Buffer) => void) {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    done(null, chunk);
  }

  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}

async function writeJson(blobs: string, mediaType: string, value: object): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const hex = createHash('sha256').update(text).digest('hex');
  await writeFile(join(blobs, hex), text);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}

function imageConfig(
  { container, arch }: Pick<ImageParts, 'container' | 'arch'>,
  diffId: string,
  title: string,
): object {
  return {
    created: CREATED,
    architecture: GO_ARCHITECTURES[arch],
    os: 'linux',
    config: container === null ? {} : runConfig(container),
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: CREATED, created_by: 'gondolin images export', comment: title }],
  };
}

/** Leaves out what the image does not say: some tools take an empty value for one. */
function runConfig(container: ContainerConfig): object {
  const { env, entrypoint, cmd, workingDir, user, exposedPorts, stopSignal } = container;
  const ports = Object.fromEntries(exposedPorts.map((port) => [port, {}]));
  const all: Record<string, string | object> = {
    User: user,
    ExposedPorts: ports,
    Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
    Entrypoint: entrypoint,
    Cmd: cmd,
    WorkingDir: workingDir,
    StopSignal: stopSignal,
  };
  const isSaid = (value: string | object) =>
    typeof value === 'string' ? value !== '' : Object.keys(value).length > 0;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => isSaid(value)));
}

/** @throws {GondolinError} IMAGE_OUTPUT_OCCUPIED unless the directory is new, empty, or an older layout. */
export async function checkLayoutOccupied(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw occupied(directory, 'it is a file');
    throw error;
  });
  const other = names.find((name) => !LAYOUT_NAMES.includes(name));
  if (other !== undefined) throw occupied(directory, `it contains '${other}'`);
}

function occupied(directory: string, problem: string): GondolinError {
  return new GondolinError(
    'IMAGE_OUTPUT_OCCUPIED',
    `Cannot write the image to ${directory}: ${problem}, which is no part of an OCI layout`,
    {
      details: { path: directory },
      hint: 'Choose a directory that does not exist yet, is empty, or holds an OCI layout to replace.',
    },
  );
}
