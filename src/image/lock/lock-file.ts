import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { decodeJson, dictionary, literal, object } from '../../util/json-decoder.ts';
import { digestText } from '../oci/documents/descriptor.ts';

/** The digests of a project's images of registries, until `gondolin lock` asks again. */
export interface ImageLock {
  readonly version: 1;
  /** By the reference, as the project file writes it. */
  readonly images: Readonly<Record<string, LockedImage>>;
}

export interface LockedImage {
  /** Digest of what the reference names: of the index where there is one, so that it holds for every processor. `sha256:` and 64 hex digits. */
  readonly digest: string;
}

const LOCK_MAX_BYTES = 4 * 1024 * 1024;

const imageLock = object<ImageLock>({
  version: literal(1),
  images: dictionary(object<LockedImage>({ digest: digestText })),
});

/**
 * Reads a lock file. Returns null if it does not exist.
 * @throws {GondolinError} IMAGE_LOCK_INVALID.
 */
export async function readLock(path: string): Promise<ImageLock | null> {
  const text = await readText(path);
  if (text === null) return null;
  const result = decodeJson(text, imageLock);
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

/** Returns the text of a lock file: the same for the same lock, one image a block, for diffs. */
export function formatLock({ images }: Pick<ImageLock, 'images'>): string {
  const sorted = Object.entries(images).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify({ version: 1, images: Object.fromEntries(sorted) }, null, 2)}\n`;
}

function invalid(path: string, problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_LOCK_INVALID', `Cannot use ${path}: ${problem}`, { cause });
}
