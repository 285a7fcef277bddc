import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { sweepTemporaries } from '../host/atomic-write.ts';
import { cacheLimitBytes } from '../host/cache-limit.ts';
import { type Environment, NAMES } from '../host/directories.ts';
import { lockFile } from '../host/file-lock.ts';
import { listSavedDirectories, removeUnusedDirectory } from '../host/saved-directories.ts';
import { asHostError } from '../host/system-failure.ts';
import { ARTIFACT_KINDS, imagesDirectory, isEntryKey } from './cache/layout.ts';
import { sweepLeftovers } from './cache/sweep.ts';
import type { ArtifactKind } from './guest-image.ts';
import { type CachedImage, listImages } from './list-images.ts';
import { removeUnusedImage } from './prune-images.ts';

/** Something that can be made again. */
export interface TrimmableItem {
  readonly kind: ArtifactKind | 'builder' | 'template' | 'checkpoint';
  readonly key: string;
  readonly diskBytes: number;
  readonly lastUsedAtMs: number;
}

export interface TrimOptions {
  /** Base of gondolin's cache. */
  readonly cacheDirectory: string;
  /** Directories of snapshots and of images with names, which count, but are never removed here. @default none */
  readonly keptDirectories?: readonly string[];
  /** Keys that stay in any case. */
  readonly keep?: readonly string[];
  /** @default that of this process */
  readonly env?: Environment;
}

export interface TrimResult {
  readonly removed: readonly TrimmableItem[];
  /** Bytes still in use, with snapshots and images with names. */
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/** The share of the limit that snapshots and images with names never take from what makes runs fast. */
const SHARE_BESIDE_KEPT = 1 / 2;

/**
 * Removes images, templates and checkpoints, the longest unused first, until all that gondolin keeps fits its limit. What
 * a machine or a build of any process uses stays. One process at a time; the next one
 * finishes what a killed one left.
 * @throws {GondolinError} HOST_CACHE_LIMIT_INVALID, HOST_LOCK_FAILED, HOST_DIRECTORY_UNUSABLE.
 */
export async function trimCache(options: TrimOptions): Promise<TrimResult> {
  const { cacheDirectory } = options;
  try {
    await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
    const limitBytes = await cacheLimitBytes(cacheDirectory, options.env);
    const lock = await lockFile(join(cacheDirectory, NAMES.trimLock), 'exclusive');
    try {
      return await trim(options, limitBytes);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw asHostError(error, cacheDirectory);
  }
}

/** `trimCache` after something was saved. A failure is a warning, because the run itself has what it needs. */
export async function keepCacheSmall(
  options: TrimOptions,
  onWarning: (message: string) => void,
): Promise<void> {
  try {
    await trimCache(options);
  } catch (error) {
    if (!GondolinError.is(error)) throw error;
    onWarning(`the cache was not kept within its limit: ${error.message}`);
  }
}

async function trim(options: TrimOptions, limitBytes: number): Promise<TrimResult> {
  const { cacheDirectory, keptDirectories = [], keep = [] } = options;
  await sweep(cacheDirectory);
  const keptBytes = await sumOf(keptDirectories);
  const items = await listTrimmable(cacheDirectory);
  let bytes = items.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  const room = Math.max(limitBytes - keptBytes, limitBytes * SHARE_BESIDE_KEPT);
  const removed: TrimmableItem[] = [];
  for (const item of items) {
    if (bytes <= room) break;
    if (keep.includes(item.key) || !(await item.remove())) continue;
    bytes -= item.diskBytes;
    const { kind, key, diskBytes, lastUsedAtMs } = item;
    removed.push({ kind, key, diskBytes, lastUsedAtMs });
  }
  return { removed, usedBytes: bytes + keptBytes, limitBytes };
}

/** The stores of directories that are used under a lock on them. */
const STORES = {
  builder: NAMES.builders,
  template: NAMES.templates,
  checkpoint: NAMES.checkpoints,
} as const;

/** Removes what killed gondolins left half-written or half-removed. */
async function sweep(cacheDirectory: string): Promise<void> {
  for (const kind of ARTIFACT_KINDS) {
    await sweepLeftovers(join(imagesDirectory(cacheDirectory), kind));
  }
  for (const name of Object.values(STORES)) {
    await sweepTemporaries(join(cacheDirectory, name));
  }
}

async function sumOf(directories: readonly string[]): Promise<number> {
  const lists = directories.map((parent) => listSavedDirectories(parent, () => true));
  return (await Promise.all(lists)).flat().reduce((sum, { diskBytes }) => sum + diskBytes, 0);
}

interface RemovableItem extends TrimmableItem {
  /** False when it is in use. */
  remove(): Promise<boolean>;
}

/** The longest unused first. */
async function listTrimmable(cacheDirectory: string): Promise<RemovableItem[]> {
  const images = (await listImages(cacheDirectory)).map((image) =>
    imageItem(cacheDirectory, image),
  );
  const saved = [
    ...(await savedItems(cacheDirectory, 'builder')),
    ...(await savedItems(cacheDirectory, 'template')),
    ...(await savedItems(cacheDirectory, 'checkpoint')),
  ];
  return [...images, ...saved].toSorted((a, b) => a.lastUsedAtMs - b.lastUsedAtMs);
}

function imageItem(cacheDirectory: string, image: CachedImage): RemovableItem {
  const { kind, key, sizeBytes, lastUsedAtMs } = image;
  return {
    ...{ kind, key, diskBytes: sizeBytes, lastUsedAtMs },
    remove: () => {
      const isUnchanged = (usedAtMs: number) => usedAtMs <= lastUsedAtMs;
      return removeUnusedImage(cacheDirectory, image, isUnchanged, false);
    },
  };
}

async function savedItems(
  cacheDirectory: string,
  kind: keyof typeof STORES,
): Promise<RemovableItem[]> {
  const parent = join(cacheDirectory, STORES[kind]);
  const entries = await listSavedDirectories(parent, isEntryKey);
  return entries.map(({ name, diskBytes, lastUsedAtMs }) => ({
    ...{ kind, key: name, diskBytes, lastUsedAtMs },
    remove: async () => (await removeUnusedDirectory(parent, name)) !== 'in-use',
  }));
}
