import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { NAMES } from '../host/directories.ts';
import { decodeJson, literal, nullable, object, withDefault } from '../util/json-decoder.ts';
import { cacheKey } from './cache/cache-key.ts';
import { imagesDirectory } from './cache/layout.ts';
import { type Manifest, parseManifest } from './cache/manifest.ts';
import { readManifestText } from './cache/read-manifest.ts';
import { findDamage } from './cache/verify-files.ts';
import type { ImageParts } from './image-parts.ts';
import { type ContainerConfig, containerConfig } from './oci/documents/image-config.ts';

/**
 * Files of an image in a directory of the user's, beside its manifest.json (kind `image`). There is no initramfs:
 * it is made with the agent of this gondolin, so that an old image still works.
 */
export const PATH_IMAGE_FILES = ['vmlinux', 'modules.cpio', 'rootfs.squashfs'] as const;

/** The manifest of an image directory: with what the image says about running it, if it says anything. */
export interface PathManifest extends Manifest {
  /** Processor of the guest. @default x86_64 */
  readonly arch: ImageParts['arch'];
  readonly container: ContainerConfig | null;
}

const TAG_HINT =
  'Give an image that name: gondolin build --tag NAME, or gondolin images tag IMAGE NAME.';

const aboutRunning = object<Pick<PathManifest, 'arch' | 'container'>>({
  arch: withDefault(literal('x86_64', 'aarch64'), 'x86_64'),
  container: withDefault(nullable(containerConfig), null),
});

/**
 * Opens such a directory and checks it. Writes nothing into it.
 *
 * @throws {GondolinError} IMAGE_NOT_FOUND when the directory or its manifest does not exist; IMAGE_INVALID when
 * its files are not what the manifest says.
 */
export async function openPathImage(
  path: string,
  cacheDirectory: string,
  signal: AbortSignal,
): Promise<ImageParts & { readonly rootfsPath: string }> {
  const directory = await realpath(path).catch((cause: unknown) => {
    throw notFound(path, cause);
  });
  const manifest = await readPathManifest(directory, path);
  const stampName = `${cacheKey({ directory })}.json`;
  const stampPath = join(imagesDirectory(cacheDirectory), 'stamps', stampName);
  const problem = await findDamage(directory, manifest.files, stampPath, signal);
  if (problem !== null) {
    throw new GondolinError('IMAGE_INVALID', `Cannot use the image at '${path}': ${problem}`);
  }
  const files = Object.values(manifest.files);
  const [vmlinux, modules, rootfs] = PATH_IMAGE_FILES;
  return {
    arch: manifest.arch,
    vmlinuxPath: join(directory, vmlinux),
    modulesPath: join(directory, modules),
    modulesSha256: manifest.files[modules]?.sha256 ?? '',
    rootfsPath: join(directory, rootfs),
    kernelRelease: manifest.kernelRelease,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    digests: files.map(({ sha256 }) => sha256).toSorted(),
    container: manifest.container,
    // The directory is the user's: gondolin never removes it.
    release: () => undefined,
  };
}

/**
 * Reads the manifest of such a directory, without a look at its files.
 * @param shown  The directory as the user named it, for messages.
 * @throws {GondolinError} IMAGE_NOT_FOUND, IMAGE_INVALID.
 */
export async function readPathManifest(
  directory: string,
  shown = directory,
): Promise<PathManifest> {
  const text = await readManifestText(directory).catch((cause: unknown) => {
    throw notFound(shown, cause);
  });
  if (text === null) throw notFound(shown);
  const manifest = parseManifest(text, 'image', PATH_IMAGE_FILES);
  const about = decodeJson(text, aboutRunning);
  if (about.ok) return { ...manifest, ...about.value };
  throw new GondolinError(
    'IMAGE_INVALID',
    `Cannot read the manifest of the image at '${shown}': ${about.problem}`,
  );
}

function notFound(path: string, cause?: unknown): GondolinError {
  const isTagged = basename(dirname(path)) === NAMES.taggedImages;
  return new GondolinError('IMAGE_NOT_FOUND', `Guest image not found at: ${path}`, {
    cause,
    details: { path },
    ...(isTagged ? { hint: TAG_HINT } : {}),
  });
}
