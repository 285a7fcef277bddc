import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { ensureDirectory, NAMES } from './directories.ts';
import { exchangePaths, SystemError } from './libc.ts';
import { listNames } from './list-names.ts';
import { formatOwner, identifyOwnProcess, lifeOf, parseOwner } from './process-life.ts';

const ENOENT = 2;
const EINVAL = 22;

/** A leftover whose owner lives in another container is removed once it is this old. */
const FOREIGN_LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;

/** A fresh name beside its final place: `tmp-<namespace>-<pid>-<start>-<random>`. */
export function temporaryName(): string {
  return `${NAMES.temporaryPrefix}${formatOwner(identifyOwnProcess())}-${randomBytes(6).toString('hex')}`;
}

/**
 * Writes a file so that readers see the old content or the new one, also after a power cut. Makes the
 * directory (0700) when missing.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE, HOST_WRITE_FAILED with the system's error as cause.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  await ensureDirectory(dirname(path));
  try {
    await replaceFile(path, data, mode);
  } catch (cause) {
    throw new GondolinError('HOST_WRITE_FAILED', `Cannot write "${path}"`, {
      cause,
      details: { path },
    });
  }
  await syncPath(dirname(path));
}

/**
 * Writes a file whole or not at all, in a directory that exists, and leaves nothing beside it.
 * @throws the error of the system.
 */
export async function replaceFile(
  path: string,
  data: string | Uint8Array,
  mode: number,
): Promise<void> {
  const temporary = join(dirname(path), temporaryName());
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

/**
 * Lets `build` fill a new directory, then renames it to `path` in one step. If a non-empty directory already has
 * that name (another run was faster), ours is removed and the result is `existed`.
 * An error of `build` is rethrown unchanged, and nothing is left on disk.
 */
export async function buildDirectoryAtomic(
  path: string,
  build: (temporary: string) => Promise<void>,
): Promise<'created' | 'existed'> {
  const temporary = await fillTemporary(path, build);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (isTaken(error, path)) return 'existed';
    throw error;
  }
  await syncPath(dirname(path));
  return 'created';
}

/**
 * Like `buildDirectoryAtomic`, but replaces an existing directory: at every moment the name leads to the old directory or to
 * the new one, even if this process is killed. Open files of the old one stay usable.
 */
export async function replaceDirectoryAtomic(
  path: string,
  build: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = await fillTemporary(path, build);
  try {
    await takePlace(temporary, path);
  } finally {
    // What was there before, or what could not take its place.
    await rm(temporary, { recursive: true, force: true });
  }
  await syncPath(dirname(path));
}

async function fillTemporary(
  path: string,
  build: (temporary: string) => Promise<void>,
): Promise<string> {
  const parent = dirname(path);
  await ensureDirectory(parent);
  const temporary = join(parent, temporaryName());
  await mkdir(temporary, { mode: 0o700 });
  try {
    await build(temporary);
    await syncTree(temporary);
    return temporary;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** An empty place is taken by the plain rename; one that another fills meanwhile is exchanged again. */
async function takePlace(temporary: string, path: string): Promise<void> {
  for (;;) {
    try {
      await rename(temporary, path);
      return;
    } catch (error) {
      if (!isTaken(error, path)) throw error;
    }
    if (await exchange(temporary, path)) return;
  }
}

/** Exchanges two directories; false if `path` was removed meanwhile. */
async function exchange(temporary: string, path: string): Promise<boolean> {
  try {
    exchangePaths(temporary, path);
    return true;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errno === ENOENT) return false;
    if (error.errno !== EINVAL) throw error;
  }
  // NFS has no exchange: for a moment there is neither.
  const aside = join(dirname(path), temporaryName());
  await rename(path, aside);
  await rename(temporary, path);
  await rm(aside, { recursive: true, force: true });
  return true;
}

function isTaken(error: unknown, path: string): boolean {
  const { code, dest } = error as { code?: unknown; dest?: unknown };
  return (code === 'ENOTEMPTY' || code === 'EEXIST') && dest === path;
}

/** Flushes every regular file and directory of a tree, children first. */
async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncPath(path);
  }
  await syncPath(directory);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Removes what a killed gondolin left half-written directly in `directory`: entries named by `temporaryName`
 * whose process has ended. Returns the names removed; a missing directory holds none.
 */
export async function sweepTemporaries(directory: string, nowMs = Date.now()): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await listNames(directory)) {
    const path = join(directory, name);
    if (!name.startsWith(NAMES.temporaryPrefix) || !(await isLeftover(path, nowMs))) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

async function isLeftover(path: string, nowMs: number): Promise<boolean> {
  const owner = parseOwner(basename(path).slice(NAMES.temporaryPrefix.length));
  if (owner === null) return false;
  const life = lifeOf(owner);
  if (life !== 'unknown') return life === 'dead';
  const stat = await lstat(path).catch(() => null);
  return stat !== null && nowMs - stat.mtimeMs > FOREIGN_LEFTOVER_AGE_MS;
}
