import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NAMES } from '../../host/directories.ts';
import { tryLockDirectory } from '../../host/directory-lock.ts';
import { lockFile } from '../../host/file-lock.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { diskBytesOf } from '../../host/saved-directories.ts';
import { decodeOrNull, list, text } from '../../util/json-decoder.ts';
import type { ImageContext } from '../guest-image.ts';
import type { DockerfileRecipe } from '../recipe.ts';
import { dockerfileDiskKey } from '../recipe-keys.ts';
import type { LayerChain } from './base-store.ts';

/** A disk that takes more starts empty again: the builder itself removes nothing that may be used once more. */
const MAX_BYTES = 16 * 2 ** 30;
const DISK_NAME = 'disk.img';
/**
 * There when the last build ended by itself, with the layers of the base images that what is on the disk was made of. The disk of a killed
 * machine may lack what was written last.
 */
const CLEAN_NAME = 'clean.json';
const CLEAN_MAX_BYTES = 1024 * 1024;
/** With more, most of the disk is of no use any more. */
const MAX_CHAINS = 64;
const readChains = list(list(text({ pattern: /^sha256:[0-9a-f]{64}$/ })), {
  maxLength: MAX_CHAINS,
});

/** The disk of a build. */
export interface BuildDisk {
  readonly path: string;
  /** The layers of the base images of earlier builds. */
  readonly chains: readonly LayerChain[];
}

/**
 * Gives `use` the disk of a Dockerfile for a build on base images with these layers, which one build uses at a time. It is empty if the last build was killed, or it has become too
 * large. What `use` leaves is kept if it resolves.
 * @throws {GondolinError} HOST_* of the locks and the directory.
 */
export async function withBuildDisk<T>(
  recipe: DockerfileRecipe,
  bases: readonly LayerChain[],
  { options: { cacheDirectory }, onEvent, signal }: ImageContext,
  use: (disk: BuildDisk) => Promise<T>,
): Promise<T> {
  const parent = join(cacheDirectory, NAMES.builders);
  const key = dockerfileDiskKey(recipe);
  const directory = join(parent, key);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await lockFile(join(parent, `${key}.lock`), 'exclusive', {
    signal,
    onWait: (pid) => {
      const builder = pid === null ? 'another gondolin' : `another gondolin (process ${pid})`;
      const message = `waiting for ${builder} that builds this Dockerfile`;
      onEvent({ level: 'info', artifact: 'rootfs', phase: 'wait', message, fraction: null });
    },
  });
  try {
    return await withLocked(directory, bases, use);
  } finally {
    lock.release();
  }
}

async function withLocked<T>(
  directory: string,
  bases: readonly LayerChain[],
  use: (disk: BuildDisk) => Promise<T>,
): Promise<T> {
  // Another process may have removed it as unused in the meantime.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const inUse = tryLockDirectory(directory, 'shared');
  try {
    const now = new Date();
    await utimes(directory, now, now);
    const path = join(directory, DISK_NAME);
    const clean = join(directory, CLEAN_NAME);
    const known = decodeOrNull(await readTextFile(clean, CLEAN_MAX_BYTES), readChains);
    await rm(clean, { force: true });
    const isKept = known !== null && (await diskBytesOf(path)) <= MAX_BYTES;
    if (!isKept) await rm(path, { force: true });
    const chains = isKept ? known : [];
    const result = await use({ path, chains });
    const all = new Map([...chains, ...bases].map((chain) => [chain.join(), chain]));
    await writeFile(clean, JSON.stringify([...all.values()]), { mode: 0o600 });
    return result;
  } finally {
    inUse?.release();
  }
}
