import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  decodeJson,
  dictionary,
  literal,
  object,
  text,
  withDefault,
} from '../../util/json-decoder.ts';
import { digestText } from '../oci/documents/descriptor.ts';

/** The digests of a project's images of registries, and the packages of the others, until `gondolin lock` asks again. */
export interface ImageLock {
  readonly version: 1;
  /** By the reference, as the project file or a Dockerfile writes it. */
  readonly images: Readonly<Record<string, LockedImage>>;
  /** By what was asked for, such as `debian bookworm amd64 + git`. */
  readonly packages: PackageSets;
}

/** Packages by name, each `VERSION CHECKSUM`, by what was asked for. */
export type PackageSets = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface LockedImage {
  /** Digest of what the reference names: of the index where there is one, so that it holds for every processor. `sha256:` and 64 hex digits. */
  readonly digest: string;
}

const LOCK_MAX_BYTES = 4 * 1024 * 1024;

const lockedPackage = text({
  pattern:
    /^[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,255} (?:sha256:[0-9a-f]{64}|Q[12][A-Za-z0-9+/]{27,43}=)$/,
});

const imageLock = object<ImageLock>({
  version: literal(1),
  images: dictionary(object<LockedImage>({ digest: digestText })),
  packages: withDefault(dictionary(dictionary(lockedPackage)), {}),
});

/**
 * Reads a lock file. Returns null if it does not exist.
 * @throws {GondolinError} IMAGE_LOCK_INVALID.
 */
export async function readLock(path: string): Promise<ImageLock | null> {
  const json = await readText(path);
  if (json === null) return null;
  const result = decodeJson(json, imageLock);
  if (result.ok) return result.value;
  throw invalid(path, result.problem);
}

async function readText(path: string): Promise<string | null> {
  try {
    // A pipe of that name must not block.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw invalid(path, 'it is no file');
      if (stat.size > LOCK_MAX_BYTES) throw invalid(path, 'it is longer than 4 MiB');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (GondolinError.is(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw invalid(path, `it cannot be read (${code})`, cause);
  }
}

/** Returns the text of a lock file: the same for the same lock, one image and one package a line or block, for diffs. */
export function formatLock({ images, packages }: Omit<ImageLock, 'version'>): string {
  const sets = Object.entries(packages).map(([name, set]) => [name, sorted(set)] as const);
  const lock = {
    version: 1,
    images: sorted(images),
    ...(sets.length === 0 ? {} : { packages: sorted(Object.fromEntries(sets)) }),
  };
  return `${JSON.stringify(lock, null, 2)}\n`;
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function invalid(path: string, problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_LOCK_INVALID', `Cannot use ${path}: ${problem}`, { cause });
}
