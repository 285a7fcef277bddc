import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLock, tryLockFile } from '../host/file-lock.ts';
import { asHostError } from '../host/system-failure.ts';
import { discardEntry } from './cache/entry.ts';
import { ARTIFACT_KINDS, entryPlace, imagesDirectory, logsDirectory } from './cache/layout.ts';
import { sweepLeftovers } from './cache/sweep.ts';
import { type CachedImage, listImages, namesIn } from './list-images.ts';

export interface PruneImagesOptions {
  /** Removes entries that were not used for this long. */
  readonly olderThanMs?: number;
  /** Removes every entry. */
  readonly all?: boolean;
  /** Keys of entries to keep in any case, e.g. `entryKeysOf(recipe)`. */
  readonly keepKeys?: readonly string[];
  /** Only says what would be removed. */
  readonly dryRun?: boolean;
}

export interface PruneImagesResult {
  readonly removed: readonly CachedImage[];
  /** They would have been removed, but a VM or a build holds them. */
  readonly inUse: readonly CachedImage[];
  /** Sum over `removed`. */
  readonly freedBytes: number;
  /** Leftovers of killed runs; empty in a dry run. */
  readonly leftovers: readonly string[];
}

/**
 * Removes entries of the cache, and always the leftovers of killed runs. With neither `olderThanMs` nor `all` no
 * entry is removed. Safe beside runs of other processes: what they use or build stays.
 *
 * @throws {GondolinError} HOST_LOCK_FAILED, HOST_DIRECTORY_UNUSABLE when the cache is another user's.
 */
export async function pruneImages(
  cacheDirectory: string,
  options: PruneImagesOptions = {},
): Promise<PruneImagesResult> {
  try {
    return await prune(cacheDirectory, options);
  } catch (error) {
    throw asHostError(error, cacheDirectory);
  }
}

async function prune(
  cacheDirectory: string,
  options: PruneImagesOptions,
): Promise<PruneImagesResult> {
  const { dryRun: isDryRun = false } = options;
  const nowMs = Date.now();
  const isOld = (usedAtMs: number): boolean =>
    options.all === true ||
    (options.olderThanMs !== undefined && nowMs - usedAtMs > options.olderThanMs);

  const removed: CachedImage[] = [];
  const inUse: CachedImage[] = [];
  for (const entry of await listImages(cacheDirectory)) {
    if (!isOld(entry.lastUsedAtMs) || options.keepKeys?.includes(entry.key) === true) continue;
    const isRemoved = await removeUnusedImage(cacheDirectory, entry, isOld, isDryRun);
    (isRemoved ? removed : inUse).push(entry);
  }
  const leftovers: string[] = [];
  if (!isDryRun) {
    for (const kind of ARTIFACT_KINDS) {
      leftovers.push(...(await sweepLeftovers(join(imagesDirectory(cacheDirectory), kind))));
    }
    await removeOldFiles(logsDirectory(cacheDirectory), isOld);
    await removeOldFiles(join(imagesDirectory(cacheDirectory), 'stamps'), isOld);
  }
  const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { removed, inUse, freedBytes, leftovers };
}

/**
 * Removes an entry; false when somebody holds it. Takes the locks in the order of `ensureEntry`.
 * @param isOld  Asked again under the locks: another run may have used the entry since it was listed.
 */
export async function removeUnusedImage(
  cacheDirectory: string,
  entry: CachedImage,
  isOld: (usedAtMs: number) => boolean,
  isDryRun: boolean,
): Promise<boolean> {
  const place = entryPlace(cacheDirectory, entry.kind, entry.key);
  const locks: FileLock[] = [];
  try {
    for (const path of [place.useLockPath, place.buildLockPath]) {
      const lock = await tryLockFile(path, 'exclusive');
      if (lock === null) return false;
      locks.push(lock);
    }
    const stat = await lstat(place.directory).catch(() => null);
    // Another run may have used it, or removed it, since it was listed.
    if (stat !== null && !isOld(stat.mtimeMs)) return false;
    if (stat !== null && !isDryRun) await discardEntry(place);
    return true;
  } finally {
    for (const lock of locks) lock.release();
  }
}

async function removeOldFiles(
  directory: string,
  isOld: (usedAtMs: number) => boolean,
): Promise<void> {
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const stat = await lstat(path).catch(() => null);
    if (stat?.isFile() === true && isOld(stat.mtimeMs)) await rm(path, { force: true });
  }
}
