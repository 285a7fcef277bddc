import { GondolinError } from '../../../errors/gondolin-error.ts';
import { makeDirectoryAt, SystemError } from '../../../host/libc.ts';
import { ERRNO } from '../../../protocol/errno.ts';
import type { GuestFileSystem } from '../guest-file-system.ts';
import { type CopyOptions, type CopySummary, tooLarge } from './copy-options.ts';
import type { HostPlace } from './host-place.ts';

/** Matches that went to the host. */
export interface MatchesSummary extends CopySummary {
  /** Patterns that match nothing. */
  readonly unmatched: readonly string[];
}

const NOTHING: CopySummary = { files: 0, directories: 0, links: 0, bytes: 0, skipped: 0 };

function sum(a: CopySummary, b: CopySummary): CopySummary {
  return {
    files: a.files + b.files,
    directories: a.directories + b.directories,
    links: a.links + b.links,
    bytes: a.bytes + b.bytes,
    skipped: a.skipped + b.skipped,
  };
}

/** Makes a directory whose parent is there, and follows no link on the host. */
export async function makeDirectory(place: HostPlace): Promise<void> {
  await place.inParent((directory, name) => {
    try {
      makeDirectoryAt(directory, name, 0o700);
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== ERRNO.EEXIST) throw error;
    }
  });
}

function isMissing(error: unknown): boolean {
  return GondolinError.is(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** Returns the directories above a path, the outermost first: `a` and `a/b` for `a/b/c`. */
function parentsOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  const root = path.startsWith('/') ? '/' : '';
  return names.slice(0, -1).map((_, at) => root + names.slice(0, at + 1).join('/'));
}

/** One copy of matches: what was made and copied so far. */
class MatchesCopy {
  readonly #files: GuestFileSystem;
  readonly #base: HostPlace;
  readonly #options: Required<CopyOptions>;
  readonly #made = new Set<string>();
  readonly #copied = new Set<string>();
  total = NOTHING;

  constructor(files: GuestFileSystem, base: HostPlace, options: Required<CopyOptions>) {
    this.#files = files;
    this.#base = base;
    this.#options = options;
  }

  async add(path: string): Promise<void> {
    const parents = parentsOf(path);
    // A directory was copied with all below it.
    if ([path, ...parents].some((one) => this.#copied.has(one))) return;
    this.#copied.add(path);
    for (const parent of parents.filter((one) => !this.#made.has(one))) {
      await makeDirectory(this.#base.at(parent));
      this.#made.add(parent);
    }
    const { signal, maxBytes, maxEntries } = this.#options;
    const { bytes, files, directories, skipped } = this.total;
    const left = {
      maxBytes: maxBytes - bytes,
      maxEntries: maxEntries - files - directories - skipped,
    };
    if (left.maxEntries <= 0) throw tooLarge(maxEntries, 'entries');
    try {
      const copied = await this.#files.copyOutTo(path, this.#base.at(path), { signal, ...left });
      this.total = sum(this.total, copied);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/**
 * Copies what patterns match to a directory of the host, below it by the names that it has in the guest. Symbolic links are
 * counted as skipped: one of a hostile guest would lead a reader of the copies to any file of the host.
 * @param base  Is made if it is missing, unless its parent is.
 * @throws {GondolinError} FILES_COPY_FAILED, FILES_TOO_LARGE, and those of `vm.fs`.
 */
export async function copyMatches(
  files: GuestFileSystem,
  patterns: readonly string[],
  base: HostPlace,
  options: Required<CopyOptions>,
): Promise<MatchesSummary> {
  const copy = new MatchesCopy(files, base, options);
  const unmatched: string[] = [];
  await makeDirectory(base);
  for (const pattern of patterns) {
    const found = await files.glob(pattern, { signal: options.signal });
    if (found.length === 0) unmatched.push(pattern);
    for (const path of found.toSorted()) await copy.add(path);
  }
  return { ...copy.total, unmatched };
}
