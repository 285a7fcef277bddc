import { closeSync, fstatSync } from 'node:fs';
import { type DirectoryWatch, directoryWatches } from '../../host/inotify/directory-watches.ts';
import { IN, type InotifyEvent } from '../../host/inotify/inotify-event.ts';
import { isLocalFileSystem } from '../../host/inotify/local-file-system.ts';
import { descriptorPath, openAt } from '../../host/libc.ts';
import { ERRNO } from '../../protocol/errno.ts';
import { Budget } from '../bounds/budget.ts';
import { WATCHED_DIRECTORIES } from '../bounds/limits.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR } from '../file-mode.ts';
import type { ChangeSource, CurrentEntry, DirectoryChange } from '../provider.ts';
import { toErrno } from '../vfs-error.ts';
import { isEmptyDirectory } from './descriptors/read-directory.ts';
import { type RealNode, toIdentity } from './nodes/real-node.ts';
import type { RealNodeTable } from './nodes/real-node-table.ts';

/** Before a directory that could not be watched is tried again. */
const RETRY_MS = 10_000;
const NAMES = IN.CREATE | IN.DELETE | IN.MOVED_FROM | IN.MOVED_TO;

/** Reports what others do to the directories of one mount that the guest knows. */
export class RealChanges implements ChangeSource {
  readonly #nodes: RealNodeTable;
  readonly #isLookupOwn: () => boolean;
  readonly #onEvent: () => void;
  readonly #budget = new Budget(WATCHED_DIRECTORIES);
  readonly #watches = new Map<RealNode, DirectoryWatch>();
  readonly #refusedAtMs = new WeakMap<RealNode, number>();
  /** Whether a file system, by its device number, is local. */
  readonly #locals = new Map<bigint, boolean>();
  #onChange: (change: DirectoryChange | null) => void = () => undefined;
  #isLossQueued = false;

  /**
   * @param isLookupOwn  Returns false when names lead elsewhere than in the host's directories.
   * @param onEvent  Called before each change is reported.
   */
  constructor(nodes: RealNodeTable, isLookupOwn: () => boolean, onEvent: () => void) {
    this.#nodes = nodes;
    this.#isLookupOwn = isLookupOwn;
    this.#onEvent = onEvent;
  }

  listen(onChange: (change: DirectoryChange | null) => void): void {
    this.#onChange = onChange;
  }

  covers(directory: RealNode): boolean {
    if (directory.identity.type !== S_IFDIR) return false;
    if (this.#watches.has(directory)) return true;
    const refusedAtMs = this.#refusedAtMs.get(directory) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - refusedAtMs < RETRY_MS) return false;
    const watch = this.#watch(directory);
    if (watch === null) this.#refusedAtMs.set(directory, performance.now());
    else this.#watches.set(directory, watch);
    return watch !== null;
  }

  #watch(directory: RealNode): DirectoryWatch | null {
    try {
      const fd = this.#nodes.fd(directory);
      if (!this.#isLocal(directory.identity.dev, fd) || !this.#budget.tryTake(1)) return null;
      const watch = directoryWatches.add(fd, (event) => this.#report(directory, event));
      if (watch === null) this.#budget.give(1);
      return watch;
    } catch {
      // The directory is gone, which the guest learns when it asks.
      return null;
    }
  }

  #isLocal(device: bigint, fd: number): boolean {
    const known = this.#locals.get(device);
    if (known !== undefined) return known;
    const isLocal = isLocalFileSystem(descriptorPath(fd));
    this.#locals.set(device, isLocal);
    return isLocal;
  }

  #report(directory: RealNode, event: InotifyEvent | null): void {
    this.#onEvent();
    if (event === null) {
      this.#reportLoss();
      return;
    }
    const { mask, name } = event;
    if ((mask & IN.IGNORED) !== 0) {
      this.forget(directory);
      // A directory that got the inode of a deleted one counted as watched until now.
      this.#onChange({ directory, name: null, kind: 'unwatched' });
      return;
    }
    if (name !== null) this.#onChange({ directory, name, kind: kindOf(mask) });
    if (name === null || (mask & NAMES) !== 0)
      this.#onChange({ directory, name: null, kind: 'attributes' });
  }

  /** Each watched directory reports a loss; the server looks at all of them at once. */
  #reportLoss(): void {
    if (this.#isLossQueued) return;
    this.#isLossQueued = true;
    queueMicrotask(() => {
      this.#isLossQueued = false;
      this.#onChange(null);
    });
  }

  current(directory: RealNode, name: string): CurrentEntry | null {
    let fd: number;
    try {
      fd = openAt(this.#nodes.fd(directory), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    } catch (error) {
      if (toErrno(error) === ERRNO.ENOENT) return null;
      throw error;
    }
    try {
      const stat = fstatSync(fd, { bigint: true });
      const identity = toIdentity(stat);
      const { ctimeNs, mtimeNs } = stat;
      return { node: this.#nodes.find(identity), type: identity.type, ctimeNs, mtimeNs };
    } finally {
      closeSync(fd);
    }
  }

  isEmpty(directory: RealNode): boolean {
    try {
      if (!this.#isLookupOwn() || !this.#tellsCases(directory)) return false;
      return isEmptyDirectory(this.#nodes.fd(directory));
    } catch {
      // It is gone, or not readable.
      return false;
    }
  }

  /** Whether upper and lower case are different in its parent, from which a directory takes that. False when its name does not show it. */
  #tellsCases(directory: RealNode): boolean {
    const { parent, name } = directory;
    const other = name.replace(/[A-Za-z]/, (letter) =>
      letter < 'a' ? letter.toLowerCase() : letter.toUpperCase(),
    );
    if (parent === null || other === name) return false;
    return this.current(parent, other)?.node !== directory;
  }

  /** Watches a directory no longer. */
  forget(directory: RealNode): void {
    const watch = this.#watches.get(directory);
    if (watch === undefined) return;
    this.#watches.delete(directory);
    this.#budget.give(1);
    watch.close();
  }

  close(): void {
    for (const directory of [...this.#watches.keys()]) this.forget(directory);
    this.#budget.close();
  }
}

function kindOf(mask: number): DirectoryChange['kind'] {
  if ((mask & NAMES) !== 0) return 'name';
  if ((mask & IN.MODIFY) !== 0) return 'data';
  return (mask & IN.CLOSE_WRITE) !== 0 ? 'closed' : 'attributes';
}
