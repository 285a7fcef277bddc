import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { diskBytesOf } from '../host/saved-directories.ts';
import { asHostError } from '../host/system-failure.ts';
import {
  ARTIFACT_FILES,
  ARTIFACT_KINDS,
  type EntryPlace,
  entryPlace,
  imagesDirectory,
  isEntryKey,
} from './cache/layout.ts';
import { parseManifest } from './cache/manifest.ts';
import { readManifestText } from './cache/read-manifest.ts';
import type { ArtifactKind } from './guest-image.ts';

/** One entry of the cache. Kernels and root file systems are shared between images. */
export interface CachedImage {
  readonly kind: ArtifactKind;
  /** 64 hex digits. */
  readonly key: string;
  /** E.g. `debian bookworm + git`; null when the entry is damaged. */
  readonly title: string | null;
  /** Bytes on disk. */
  readonly sizeBytes: number;
  /** Milliseconds since 1970; null when the entry is damaged. */
  readonly createdAtMs: number | null;
  /** The last time an image with it was made ready, in milliseconds since 1970. */
  readonly lastUsedAtMs: number;
}

/**
 * Lists every entry of the cache, the longest unused first. Reads manifests and metadata only; takes no lock.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE when this user may not read it.
 */
export async function listImages(cacheDirectory: string): Promise<CachedImage[]> {
  try {
    return await readImages(cacheDirectory);
  } catch (error) {
    throw asHostError(error, cacheDirectory);
  }
}

async function readImages(cacheDirectory: string): Promise<CachedImage[]> {
  const entries: CachedImage[] = [];
  for (const kind of ARTIFACT_KINDS) {
    for (const key of (await namesIn(join(imagesDirectory(cacheDirectory), kind))).filter(
      isEntryKey,
    )) {
      const entry = await describeEntry(entryPlace(cacheDirectory, kind, key));
      if (entry !== null) entries.push(entry);
    }
  }
  return entries.toSorted((a, b) => a.lastUsedAtMs - b.lastUsedAtMs);
}

/** Null when it was removed meanwhile. */
async function describeEntry(place: EntryPlace): Promise<CachedImage | null> {
  const stat = await lstat(place.directory).catch(nullWhenMissing);
  if (stat === null) return null;
  const manifest = await readEntryManifest(place);
  return {
    kind: place.kind,
    key: place.key,
    title: manifest?.title ?? null,
    sizeBytes: await diskBytesOf(place.directory),
    createdAtMs: manifest?.createdAtMs ?? null,
    lastUsedAtMs: stat.mtimeMs,
  };
}

async function readEntryManifest(place: EntryPlace) {
  try {
    const text = await readManifestText(place.directory);
    return text === null ? null : parseManifest(text, place.kind, ARTIFACT_FILES[place.kind]);
  } catch (error) {
    // A damaged entry is listed too: it takes space, and its next use builds it again.
    if (GondolinError.is(error) && error.code === 'IMAGE_INVALID') return null;
    throw error;
  }
}

/** Lists the names in a directory; empty when it is missing. */
export async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(nullWhenMissing)) ?? [];
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
