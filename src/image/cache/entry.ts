import { rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  buildDirectoryAtomic,
  replaceDirectoryAtomic,
  temporaryName,
} from '../../host/atomic-write.ts';
import { type FileLock, lockFile } from '../../host/file-lock.ts';
import type { EnsureImageOptions, ImageEvent } from '../guest-image.ts';
import { ARTIFACT_FILES, type EntryPlace, MANIFEST_NAME, STAMP_NAME } from './layout.ts';
import { type FileDigest, type Manifest, parseManifest } from './manifest.ts';
import { readManifestText } from './read-manifest.ts';
import { removeTree, sweepLeftovers } from './sweep.ts';
import { digestFile, findDamage, recordVerified } from './verify-files.ts';

/** The facts that an entry's manifest holds beside its files. */
export interface EntryFacts {
  readonly title: string;
  readonly kernelRelease: string;
  /** Digests that the builder has checked while it wrote the files; the others are read again. */
  readonly files?: Readonly<Record<string, FileDigest>>;
}

/** Fills `directory` with the files of the kind, and nothing else. */
export type EntryBuilder = (directory: string) => Promise<EntryFacts>;

export interface EnsureEntryOptions {
  readonly build: EntryBuilder;
  /** Why an entry of this key is not the one that is wanted; null when it is. */
  readonly findMismatch?: (manifest: Manifest) => string | null;
  readonly onEvent: (event: ImageEvent) => void;
  readonly signal: AbortSignal;
}

/** A `findMismatch` for those who may ask for new builds: refuses an entry that was made before `rebuildBeforeMs`. */
export function findOld(
  { createdAtMs }: Manifest,
  { rebuildBeforeMs = 0 }: Pick<EnsureImageOptions, 'rebuildBeforeMs'>,
): string | null {
  return createdAtMs < rebuildBeforeMs ? 'a new one was asked for' : null;
}

/** A checked entry; it stays on disk until the lock is released. */
export interface HeldEntry {
  readonly place: EntryPlace;
  readonly manifest: Manifest;
  readonly lock: FileLock;
}

/**
 * The entry, built first when it is missing or damaged. Any number of processes may ask at once: one builds.
 *
 * Order of locks, here and in pruneImages: use, then build. The use lock comes before the check, so that
 * nothing found can be removed; the check is repeated under the build lock, because another may have built.
 *
 * @throws what `build` throws, with nothing left on disk; HOST_* errors of the lock and the directory.
 */
export async function ensureEntry(
  place: EntryPlace,
  options: EnsureEntryOptions,
): Promise<HeldEntry> {
  const { signal } = options;
  const say = reporter(place, options.onEvent);
  const lock = await lockFile(place.useLockPath, 'shared', {
    signal,
    onWait: () => say('info', 'wait', 'waiting for another gondolin that removes old images'),
  });
  try {
    const opened = await openEntry(place, options);
    const manifest = opened.state === 'good' ? opened.manifest : await buildLocked(place, options);
    const now = new Date();
    // The directory's time is the entry's last use.
    await utimes(place.directory, now, now);
    return { place, manifest, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function buildLocked(place: EntryPlace, options: EnsureEntryOptions): Promise<Manifest> {
  const { signal } = options;
  const say = reporter(place, options.onEvent);
  const lock = await lockFile(place.buildLockPath, 'exclusive', {
    signal,
    onWait: (pid) => {
      const builder = pid === null ? 'another gondolin' : `another gondolin (process ${pid})`;
      say('info', 'wait', `waiting for ${builder} that builds this ${place.kind}`);
    },
  });
  try {
    await sweepLeftovers(place.parent);
    const opened = await openEntry(place, options);
    if (opened.state === 'good') return opened.manifest;
    if (opened.state === 'unusable') {
      say(
        opened.reason === 'damaged' ? 'warning' : 'info',
        'discard',
        `the cached ${place.kind} is ${opened.reason} and built again: ${opened.problem}`,
      );
      if (opened.reason === 'damaged') await discardEntry(place);
    }
    // One that is out of date stays until there is another: the build may fail.
    const isOld = opened.state === 'unusable' && opened.reason === 'out of date';
    return await buildEntry(place, options, isOld);
  } finally {
    lock.release();
  }
}

function reporter(place: EntryPlace, onEvent: (event: ImageEvent) => void) {
  return (
    level: ImageEvent['level'],
    phase: string,
    message: string,
    fraction: number | null = null,
  ): void => onEvent({ level, artifact: place.kind, phase, message, fraction });
}

async function buildEntry(
  place: EntryPlace,
  options: EnsureEntryOptions,
  isReplacing: boolean,
): Promise<Manifest> {
  const say = reporter(place, options.onEvent);
  const fill = async (temporary: string) => {
    const { files: known = {}, ...facts } = await options.build(temporary);
    options.signal.throwIfAborted();
    const files: Record<string, FileDigest> = {};
    for (const name of ARTIFACT_FILES[place.kind]) {
      files[name] = known[name] ?? (await digestFile(join(temporary, name), options.signal));
    }
    const createdAtMs = Date.now();
    const manifest = { version: 1, kind: place.kind, key: place.key, createdAtMs, ...facts, files };
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    // What we could not read again must not get into the cache.
    parseManifest(text, place.kind, ARTIFACT_FILES[place.kind]);
    await writeFile(join(temporary, MANIFEST_NAME), text, { mode: 0o600 });
    await recordVerified(temporary, files, join(temporary, STAMP_NAME));
  };
  const built = isReplacing
    ? await replaceDirectoryAtomic(place.directory, fill)
    : await buildDirectoryAtomic(place.directory, fill);
  if (built === 'existed') {
    throw new GondolinError(
      'IMAGE_BUILD_FAILED',
      `Cannot build the image: ${place.directory} was created by another program in the meantime`,
      {
        hint: 'Another program wrote into the cache of gondolin: run the command again.',
      },
    );
  }
  const opened = await openEntry(place, options);
  if (opened.state !== 'good') {
    throw new GondolinError(
      'IMAGE_BUILD_FAILED',
      `Cannot build the image: ${place.directory} is damaged right after it was written`,
      {
        hint: 'Check the disk and its free space.',
      },
    );
  }
  say('info', 'done', `the ${place.kind} is ready`, 1);
  return opened.manifest;
}

type Opened =
  | { readonly state: 'good'; readonly manifest: Manifest }
  | { readonly state: 'missing' }
  | {
      readonly state: 'unusable';
      readonly reason: 'damaged' | 'out of date';
      readonly problem: string;
    };

/** Looks at the entry and checks it. */
async function openEntry(place: EntryPlace, options: EnsureEntryOptions): Promise<Opened> {
  const unusable = (reason: 'damaged' | 'out of date', problem: string) =>
    ({ state: 'unusable', reason, problem }) as const;
  try {
    const text = await readManifestText(place.directory);
    if (text === null) return { state: 'missing' };
    const manifest = parseManifest(text, place.kind, ARTIFACT_FILES[place.kind]);
    if (manifest.key !== place.key) return unusable('damaged', 'it has another key');
    const stampPath = join(place.directory, STAMP_NAME);
    const problem = await findDamage(place.directory, manifest.files, stampPath, options.signal);
    if (problem !== null) return unusable('damaged', problem);
    const mismatch = options.findMismatch?.(manifest) ?? null;
    return mismatch === null ? { state: 'good', manifest } : unusable('out of date', mismatch);
  } catch (error) {
    if (!GondolinError.is(error) || error.code !== 'IMAGE_INVALID') throw error;
    return unusable('damaged', error.message);
  }
}

/**
 * Removes an entry; the caller holds its build lock. Renamed first: who has files of it open keeps them, and the
 * name is free at once.
 */
export async function discardEntry(place: EntryPlace): Promise<void> {
  const aside = join(place.parent, temporaryName());
  await rename(place.directory, aside);
  await removeTree(aside);
}
