import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { cacheKey } from './cache/cache-key.ts';
import { imagesDirectory } from './cache/layout.ts';
import { parseManifest } from './cache/manifest.ts';
import { readManifestText } from './cache/read-manifest.ts';
import { findDamage } from './cache/verify-files.ts';
import type { ImageParts } from './ensure-image.ts';

/**
 * Files of an image in a directory of the user's, beside its manifest.json (kind `image`). There is no initramfs:
 * it is made with the agent of this gondolin, so that an old image still works.
 */
const PATH_IMAGE_FILES = ['vmlinux', 'modules.cpio', 'rootfs.squashfs'] as const;

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
  const text = await readManifestText(directory).catch((cause: unknown) => {
    throw notFound(path, cause);
  });
  if (text === null) throw notFound(path);
  const manifest = parseManifest(text, 'image', PATH_IMAGE_FILES);
  const stampName = `${cacheKey({ directory })}.json`;
  const stampPath = join(imagesDirectory(cacheDirectory), 'stamps', stampName);
  const problem = await findDamage(directory, manifest.files, stampPath, signal);
  if (problem !== null) {
    throw new GondolinError('IMAGE_INVALID', `Cannot use the image at '${path}': ${problem}`);
  }
  const files = Object.values(manifest.files);
  const [vmlinux, modules, rootfs] = PATH_IMAGE_FILES;
  return {
    vmlinuxPath: join(directory, vmlinux),
    modulesPath: join(directory, modules),
    modulesSha256: manifest.files[modules]?.sha256 ?? '',
    rootfsPath: join(directory, rootfs),
    kernelRelease: manifest.kernelRelease,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    digests: files.map(({ sha256 }) => sha256).toSorted(),
    container: null,
    // The directory is the user's: gondolin never removes it.
    release: () => undefined,
  };
}

function notFound(path: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_NOT_FOUND', `Guest image not found at: ${path}`, {
    cause,
    details: { path },
  });
}
