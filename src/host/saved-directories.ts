import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepTemporaries, temporaryName } from './atomic-write.ts';
import { tryLockDirectory } from './directory-lock.ts';
import type { FileLock } from './file-lock.ts';

/** One directory of a store whose entries appear and disappear as a whole. */
export interface SavedDirectory {
  readonly name: string;
  readonly path: string;
  /** Bytes that it takes on disk; holes of sparse files take none. */
  readonly diskBytes: number;
  /** Time of the directory itself, which each use sets. Milliseconds since 1970. */
  readonly lastUsedAtMs: number;
}

/** stat(2) counts blocks of this size on every Linux. */
const BLOCK_BYTES = 512;

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}

/** Returns the bytes that a file or tree takes on disk. Follows no links; files removed meanwhile do not count. */
export async function diskBytesOf(path: string): Promise<number> {
  const stat = await lstat(path).catch(nullWhenMissing);
  if (stat === null) return 0;
  const own = stat.blocks * BLOCK_BYTES;
  if (!stat.isDirectory()) return own;
  const names = (await readdir(path).catch(nullWhenMissing)) ?? [];
  const below = await Promise.all(names.map((name) => diskBytesOf(join(path, name))));
  return below.reduce((sum, bytes) => sum + bytes, own);
}

/** Lists the directories of a store whose names pass `isName`, the longest unused first; none for a missing store. */
export async function listSavedDirectories(
  parent: string,
  isName: (name: string) => boolean,
): Promise<SavedDirectory[]> {
  const found: SavedDirectory[] = [];
  for (const name of (await readdir(parent).catch(nullWhenMissing)) ?? []) {
    if (!isName(name)) continue;
    const path = join(parent, name);
    const stat = await lstat(path).catch(nullWhenMissing);
    if (stat?.isDirectory() !== true) continue;
    found.push({ name, path, diskBytes: await diskBytesOf(path), lastUsedAtMs: stat.mtimeMs });
  }
  return found.toSorted((a, b) => a.lastUsedAtMs - b.lastUsedAtMs);
}

/**
 * Removes one directory of a store in one step; a process that has its files open keeps them. Returns false when there is
 * none.
 */
export async function removeSavedDirectory(parent: string, name: string): Promise<boolean> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const aside = join(parent, temporaryName());
  try {
    await rename(join(parent, name), aside);
  } catch (error) {
    // Another gondolin was faster.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
  return true;
}

/**
 * Directory of the saved machine in entries that have more than the machine. A VM that runs on a saved machine has a shared
 * lock on its directory (directory-lock.ts).
 */
export const MACHINE_DIRECTORY = 'machine';

/**
 * Removes one directory of a store unless a machine runs on it.
 * @param isDryRun  Only reports what would happen.
 */
export async function removeUnusedDirectory(
  parent: string,
  name: string,
  isDryRun = false,
): Promise<'removed' | 'absent' | 'in-use'> {
  const path = join(parent, name);
  const locks: FileLock[] = [];
  try {
    for (const place of [path, join(path, MACHINE_DIRECTORY)]) {
      if ((await lstat(place).catch(nullWhenMissing)) === null) continue;
      const lock = tryLockDirectory(place, 'exclusive');
      if (lock === null) return 'in-use';
      locks.push(lock);
    }
    if (locks.length === 0) return 'absent';
    if (!isDryRun) await removeSavedDirectory(parent, name);
    return 'removed';
  } finally {
    for (const lock of locks) lock.release();
  }
}

export interface PruneOptions {
  readonly isName: (name: string) => boolean;
  /** Removes directories that were not used for this long; 0 removes all. @default none by age */
  readonly olderThanMs?: number;
  /** Names that are never removed. */
  readonly keep?: readonly string[];
  /** Only reports what would be removed. */
  readonly isDryRun?: boolean;
}

/** Result for the directories that were old enough. */
export interface PruneResult {
  readonly removed: readonly SavedDirectory[];
  /** Kept because a machine runs on them. */
  readonly inUse: readonly SavedDirectory[];
}

/** Removes directories of a store by age, and what killed gondolins left half-written there. */
export async function pruneSavedDirectories(
  parent: string,
  { isName, olderThanMs, keep = [], isDryRun = false }: PruneOptions,
): Promise<PruneResult> {
  const nowMs = Date.now();
  const removed: SavedDirectory[] = [];
  const inUse: SavedDirectory[] = [];
  for (const entry of await listSavedDirectories(parent, isName)) {
    const isOld = olderThanMs !== undefined && nowMs - entry.lastUsedAtMs >= olderThanMs;
    if (!isOld || keep.includes(entry.name)) continue;
    const outcome = await removeUnusedDirectory(parent, entry.name, isDryRun);
    if (outcome === 'removed') removed.push(entry);
    if (outcome === 'in-use') inUse.push(entry);
  }
  if (!isDryRun) await sweepTemporaries(parent);
  return { removed, inUse };
}
