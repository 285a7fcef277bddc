import { constants } from 'node:fs';
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { replaceDirectoryAtomic, sweepTemporaries } from '../../host/atomic-write.ts';
import { asHostError } from '../../host/system-failure.ts';
import { formatBytes } from '../../util/quantities.ts';
import { MANIFEST_NAME } from '../cache/layout.ts';
import type { FileDigest } from '../cache/manifest.ts';
import { digestFile } from '../cache/verify-files.ts';
import type { ImageParts } from '../image-parts.ts';
import type { ContainerConfig } from '../oci/documents/image-config.ts';
import { PATH_IMAGE_FILES, type PathManifest, readPathManifest } from '../path-image.ts';

/** The facts of an image directory's manifest beside its files, and a bound. */
export interface ImageDirectoryFacts {
  readonly title: string;
  readonly container: ContainerConfig | null;
  /** Most bytes of the root file system; null for no limit. */
  readonly maxRootfsBytes: number | null;
}

/** One file of an image directory that was checked; `problem` is null for one that is as the manifest says. */
export interface VerifiedFile extends FileDigest {
  readonly name: string;
  readonly problem: string | null;
}

/**
 * Copies the files of an image into a directory of the user's, as `imagePath` takes it. The directory has the old image or the
 * new one, whenever this process ends.
 *
 * @throws {GondolinError} IMAGE_OUTPUT_OCCUPIED when the directory holds something else; IMAGE_TOO_LARGE; HOST_*.
 */
export async function writeImageDirectory(
  directory: string,
  parts: ImageParts,
  facts: ImageDirectoryFacts,
  signal: AbortSignal,
): Promise<PathManifest> {
  const { rootfsPath } = parts;
  if (rootfsPath === null) throw new TypeError('an image without a root file system');
  const [vmlinux, modules, rootfs] = PATH_IMAGE_FILES;
  const sources = { [vmlinux]: parts.vmlinuxPath, [modules]: parts.modulesPath };
  let manifest: PathManifest | undefined;
  try {
    await sweepTemporaries(dirname(directory));
    await replaceDirectoryAtomic(directory, async (temporary) => {
      const files: Record<string, FileDigest> = {};
      for (const [name, source] of Object.entries({ ...sources, [rootfs]: rootfsPath })) {
        signal.throwIfAborted();
        const target = join(temporary, name);
        await copyFile(source, target, constants.COPYFILE_FICLONE);
        files[name] = await digestFile(target, signal);
      }
      checkSize(files[rootfs]?.sizeBytes ?? 0, facts.maxRootfsBytes);
      const { title, container } = facts;
      const { arch, kernelRelease } = parts;
      const about = { version: 1, kind: 'image', key: '', title, createdAtMs: Date.now() };
      const text = `${JSON.stringify({ ...about, arch, kernelRelease, container, files }, null, 2)}\n`;
      await writeFile(join(temporary, MANIFEST_NAME), text);
      // Fails here, before the directory is replaced, if the manifest cannot be read again.
      manifest = await readPathManifest(temporary);
      await checkOccupied(directory);
      signal.throwIfAborted();
    });
  } catch (error) {
    throw asHostError(error, directory);
  }
  if (manifest === undefined) throw new TypeError('the directory was not filled');
  return manifest;
}

/**
 * Checks that an image can be written there: a new directory, an empty one, or one with an older image.
 * @throws {GondolinError} IMAGE_OUTPUT_OCCUPIED.
 */
export async function checkOccupied(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw occupied(directory, 'it is a file');
    throw error;
  });
  const known: readonly string[] = [MANIFEST_NAME, ...PATH_IMAGE_FILES];
  const other = names.find((name) => !known.includes(name));
  if (other !== undefined) throw occupied(directory, `it contains '${other}'`);
}

function occupied(directory: string, problem: string): GondolinError {
  return new GondolinError(
    'IMAGE_OUTPUT_OCCUPIED',
    `Cannot write the image to ${directory}: ${problem}, which is no part of an image`,
    { details: { path: directory } },
  );
}

function checkSize(sizeBytes: number, maxBytes: number | null): void {
  if (maxBytes === null || sizeBytes <= maxBytes) return;
  const [size, limit] = [formatBytes(sizeBytes), formatBytes(maxBytes)];
  throw new GondolinError(
    'IMAGE_TOO_LARGE',
    `Cannot build the image: its root file system has ${size}, and rootfs.sizeMb allows ${limit}`,
    { details: { sizeBytes, limit: maxBytes } },
  );
}

/**
 * Reads every file of an image directory and compares it with the manifest.
 * @throws {GondolinError} IMAGE_NOT_FOUND, IMAGE_INVALID for a manifest that cannot be read.
 */
export async function verifyImageDirectory(
  directory: string,
  signal: AbortSignal,
): Promise<{ readonly manifest: PathManifest; readonly files: readonly VerifiedFile[] }> {
  const manifest = await readPathManifest(directory);
  const files: VerifiedFile[] = [];
  for (const [name, wanted] of Object.entries(manifest.files)) {
    files.push({
      name,
      ...wanted,
      problem: await findProblem(join(directory, name), wanted, signal),
    });
  }
  return { manifest, files };
}

async function findProblem(
  path: string,
  wanted: FileDigest,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const { sizeBytes, sha256 } = await digestFile(path, signal);
    if (sizeBytes !== wanted.sizeBytes) {
      return `it has ${sizeBytes} bytes, and the manifest says ${wanted.sizeBytes}`;
    }
    return sha256 === wanted.sha256 ? null : 'its digest is not that of the manifest';
  } catch (error) {
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code === 'ENOENT' ? 'it is missing' : `it cannot be read (${code})`;
  }
}
