import { lstat } from 'node:fs/promises';
import { posix } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { VmPlan } from '../../plan/plan.ts';
import type { GuestFileSystem } from '../../vm/files/guest-file-system.ts';
import { type CopyPlan, copiesOf, copyFilter, MAX_COPIED_ENTRIES } from './copy-filter.ts';
import type { CopyFilter } from './gitignore-filter.ts';

/** The part of `vm.fs` that puts changes into a guest, as the user of the sandbox. */
export type SyncFiles = Pick<
  GuestFileSystem,
  'copyIn' | 'delete' | 'rmdir' | 'lstat' | 'realpath' | 'stat'
>;

/** Counts of what a sync changed in the guest. */
export interface SyncSummary {
  readonly files: number;
  readonly deleted: number;
}

/** Returns the names from `top` to a path below it; null for one that is not below it. */
function relativeTo(top: string, path: string): string | null {
  return path.startsWith(`${top}/`) ? path.slice(top.length + 1) : null;
}

/** Returns the directories above a path, the outermost first: `a` and `a/b` for `a/b/c`. */
function parentsOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(1).map((_, at) => names.slice(0, at + 1).join('/'));
}

type HostKind = 'file' | 'directory' | 'gone';

async function hostKind(path: string): Promise<HostKind> {
  try {
    return (await lstat(path)).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'gone';
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return GondolinError.is(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** One tree that is brought up to date. */
class TreeSync {
  readonly #copy: CopyPlan;
  readonly #files: SyncFiles;
  readonly #signal: AbortSignal;
  readonly #isKept: CopyFilter;
  deleted = 0;

  constructor(copy: CopyPlan, vm: VmPlan, files: SyncFiles, signal: AbortSignal) {
    this.#copy = copy;
    this.#files = files;
    this.#signal = signal;
    // New each time: a change may be one of a `.gitignore`.
    this.#isKept = copyFilter(copy, vm);
  }

  async run(paths: readonly string[]): Promise<number> {
    const wanted = new Set<string>();
    for (const path of paths) {
      const kind = await hostKind(`${this.#copy.hostPath}/${path}`);
      const isKept =
        parentsOf(path).every((parent) => this.#isKept(parent, true)) &&
        this.#isKept(path, kind === 'directory');
      if (!isKept) continue;
      await this.#makeRoom(path, kind);
      if (kind !== 'gone') wanted.add(path);
    }
    return wanted.size === 0 ? 0 : this.#copyIn(wanted);
  }

  /** Deletes what the guest has at a path if the host has nothing there, or something of another type. */
  async #makeRoom(path: string, kind: HostKind): Promise<void> {
    const target = posix.join(this.#copy.guestPath, path);
    if (!(await this.#isInside(posix.dirname(target), posix.dirname(path)))) return;
    const found = await this.#files
      .lstat(target, { signal: this.#signal })
      .catch((error: unknown) => {
        if (isMissing(error)) return null;
        throw error;
      });
    const isDirectory = found?.isDirectory() ?? false;
    if (found === null || (kind !== 'gone' && isDirectory === (kind === 'directory'))) return;
    const options = { recursive: true, force: true, signal: this.#signal };
    await this.#files.delete(target, options);
    this.deleted += 1;
    if (kind === 'gone') await this.#pruneParents(path);
  }

  /** False if the directory is missing, or a symbolic link of the guest leads it out of the tree. */
  async #isInside(directory: string, relative: string): Promise<boolean> {
    const { guestPath } = this.#copy;
    const options = { signal: this.#signal };
    try {
      const top = await this.#files.realpath(guestPath, options);
      return (await this.#files.realpath(directory, options)) === posix.join(top, relative);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Deletes directories that are empty in the guest and gone on the host. */
  async #pruneParents(path: string): Promise<void> {
    for (const parent of parentsOf(path).toReversed()) {
      if ((await hostKind(`${this.#copy.hostPath}/${parent}`)) !== 'gone') return;
      const target = posix.join(this.#copy.guestPath, parent);
      const isDone = await this.#files.rmdir(target, { signal: this.#signal }).then(
        () => true,
        (error: unknown) => {
          if (GondolinError.is(error) && (isMissing(error) || error.code === 'ENOTEMPTY')) {
            return false;
          }
          throw error;
        },
      );
      if (!isDone) return;
    }
  }

  /** Copies the tree without anything that has not changed: a link of the guest in its way ends it, and nothing follows one. */
  async #copyIn(wanted: ReadonlySet<string>): Promise<number> {
    const parents = new Set([...wanted].flatMap(parentsOf));
    const { files, links } = await this.#files.copyIn(this.#copy.hostPath, this.#copy.guestPath, {
      filter: (path, isDirectory) =>
        (wanted.has(path) || (isDirectory && parents.has(path))) && this.#isKept(path, isDirectory),
      maxEntries: MAX_COPIED_ENTRIES,
      signal: this.#signal,
    });
    return files + links;
  }
}

/**
 * Brings the trees that were copied into a guest up to date with changed files of the host: copies those that are there, deletes those
 * that are gone, and leaves out what the copy left out. What the guest made besides them stays.
 * @param paths  Absolute paths of the host; those in no tree are skipped.
 * @throws {GondolinError} FILES_COPY_FAILED, FILES_TOO_LARGE; codes of file operations in the guest.
 */
export async function syncTrees(
  vm: VmPlan,
  files: SyncFiles,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<SyncSummary> {
  let copied = 0;
  let deleted = 0;
  for (const copy of copiesOf(vm)) {
    const isFile = paths.includes(copy.hostPath) && (await hostKind(copy.hostPath)) === 'file';
    if (isFile) {
      copied += (await files.copyIn(copy.hostPath, copy.guestPath, { signal })).files;
      continue;
    }
    const below = paths.flatMap((path) => relativeTo(copy.hostPath, path) ?? []);
    if (below.length === 0) continue;
    const tree = new TreeSync(copy, vm, files, signal);
    copied += await tree.run(below.toSorted());
    deleted += tree.deleted;
  }
  return { files: copied, deleted };
}
