import { relative } from 'node:path';
import { hostPathOf } from '../plan/host-path-of.ts';
import type { MountPlan } from '../plan/plan.ts';
import { O_TRUNC } from '../vfs/file-mode.ts';
import type { VfsHookContext, VfsHookOperation } from '../vfs/hooks/vfs-hooks.ts';

/** Files that are named for one sandbox; further ones are counted. */
const MAX_NAMED = 200;
/** Files of which the state is kept; those beyond are not noted. */
const MAX_KNOWN = 20_000;

/** A file or directory of the host that a sandbox wrote or removed. */
export interface WrittenFile {
  /** Path on the host, relative to the project if it is below that. */
  readonly path: string;
  readonly change: 'written' | 'removed';
}

/** The files of the host that a sandbox wrote through its volumes. Plain data. */
export interface WrittenFilesResult {
  /** By their paths, at most 200. */
  readonly files: readonly WrittenFile[];
  /** Number of further ones. */
  readonly omitted: number;
}

/** `made`: it was not there before. */
type State = WrittenFile['change'] | 'made';

const CREATING: ReadonlySet<VfsHookOperation> = new Set(['create', 'mkdir', 'mknod', 'symlink']);
const CHANGING: ReadonlySet<VfsHookOperation> = new Set(['write', 'truncate', 'fallocate']);
const REMOVING: ReadonlySet<VfsHookOperation> = new Set(['unlink', 'rmdir']);

const made = (before: State | undefined): State => (before === undefined ? 'made' : 'written');
const written = (before: State | undefined): State => (before === 'made' ? 'made' : 'written');
const removed = (before: State | undefined): State | null => (before === 'made' ? null : 'removed');

/** Notes which files of the host a sandbox writes, without those that it makes and removes again. */
export class WrittenFiles {
  readonly #mounts: readonly MountPlan[];
  readonly #directory: string;
  readonly #states = new Map<string, State>();

  /** @param directory  That of the project. */
  constructor(mounts: readonly MountPlan[], directory: string) {
    this.#mounts = mounts;
    this.#directory = directory;
  }

  /** Takes note of an operation of the guest that succeeded. */
  note({ op, path, newPath, flags = 0 }: VfsHookContext): void {
    if (CREATING.has(op)) this.#set(path, made);
    else if (op === 'link') this.#set(newPath ?? path, made);
    else if (CHANGING.has(op) || (op === 'open' && (flags & O_TRUNC) !== 0)) {
      this.#set(path, written);
    } else if (REMOVING.has(op)) this.#set(path, removed);
    else if (op === 'rename') {
      this.#set(path, removed);
      // Whether it replaced a file is not known: an editor's save does.
      this.#set(newPath ?? path, written);
    }
  }

  #set(guestPath: string, next: (before: State | undefined) => State | null): void {
    const path = hostPathOf(this.#mounts, guestPath);
    if (path === null) return;
    const before = this.#states.get(path);
    if (before === undefined && this.#states.size >= MAX_KNOWN) return;
    const state = next(before);
    if (state === null) this.#states.delete(path);
    else this.#states.set(path, state);
  }

  get result(): WrittenFilesResult {
    const changed = [...this.#states].map(([path, state]): WrittenFile => {
      const below = relative(this.#directory, path);
      const isOutside = below === '' || below.startsWith('..');
      return {
        path: isOutside ? path : below,
        change: state === 'removed' ? 'removed' : 'written',
      };
    });
    const files = changed.toSorted((a, b) => (a.path < b.path ? -1 : 1)).slice(0, MAX_NAMED);
    return { files, omitted: changed.length - files.length };
  }
}
