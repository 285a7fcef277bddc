import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepTemporaries, temporaryName } from './atomic-write.ts';
import { tryLockDirectory } from './directory-lock.ts';
import type { FileLock } from './file-lock.ts';

/** One directory of a store whose entries appear and go as a whole. */
export interface SavedDirectory {
  readonly name: string;
  readonly path: string;
  /** What it takes on disk; holes of sparse files take nothing. */
  readonly diskBytes: number;
  /** Time of the directory itself: users set it when they use it. Milliseconds since 1970. */
  readonly lastUsedAtMs: number;
}

/** stat(2) counts blocks of this size on every Linux. */
const BLOCK_BYTES = 512;

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}

/** What a file or tree takes on disk, links not followed. What vanishes meanwhile counts nothing. */
export async function diskBytesOf(path: string): Promise<number> {
  const stat = await lstat(path).catch(nullWhenMissing);
  if (stat === null) return 0;
  const own = stat.blocks * BLOCK_BYTES;
  if (!stat.isDirectory()) return own;
  const names = (await readdir(path).catch(nullWhenMissing)) ?? [];
  const below = await Promise.all(names.map((name) => diskBytesOf(join(path, name))));
  return below.reduce((sum, bytes) => sum + bytes, own);
}

/** The directories of a store whose names `isName`, the longest unused first; a missing store holds none. */
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
 * Removes one directory of a store: it is gone at once, and who has files of it open keeps them. False when it was not
 * there.
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
 * Below a directory of a store: the saved machine, where more than that is kept. Whoever runs on a machine holds a
 * shared lock on its directory (directory-lock.ts).
 */
export const MACHINE_DIRECTORY = 'machine';

/**
 * Removes one directory of a store unless a machine runs on it.
 * @param isDryRun  Only says what would come of it.
 */
export async function removeUnusedDirectory(
  parent: string,
  name: string,
  isDryRun = false,
): Promise<'removed' | 'absent' | 'in-use'> {
  const path = join(parent, name);
  const claims: FileLock[] = [];
  try {
    for (const place of [path, join(path, MACHINE_DIRECTORY)]) {
      if ((await lstat(place).catch(nullWhenMissing)) === null) continue;
      const claim = tryLockDirectory(place, 'exclusive');
      if (claim === null) return 'in-use';
      claims.push(claim);
    }
    if (claims.length === 0) return 'absent';
    if (!isDryRun) await removeSavedDirectory(parent, name);
    return 'removed';
  } finally {
    for (const claim of claims) claim.release();
  }
}

export interface PruneOptions {
  readonly isName: (name: string) => boolean;
  /** Removes what was not used for this long; 0 removes all. @default nothing by age */
  readonly olderThanMs?: number;
  /** Names that stay in any case. */
  readonly keep?: readonly string[];
  /** Only says what would be removed. */
  readonly isDryRun?: boolean;
}

/** What became of the directories that were old enough. */
export interface PruneResult {
  readonly removed: readonly SavedDirectory[];
  /** A machine runs on them. */
  readonly inUse: readonly SavedDirectory[];
}

/** Removes directories of a store, and what killed gondolins left half-written there. */
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
