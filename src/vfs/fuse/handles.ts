import type { DirectoryEntry, VfsHandle } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { HeldNode } from './node-ids.ts';

interface OpenFile {
  readonly held: HeldNode;
  readonly handle: VfsHandle;
  /** Requests that use it now. */
  users: number;
  isReleased: boolean;
}

export interface OpenDirectory {
  readonly held: HeldNode;
  /** Snapshot that offsets count in; taken anew when reading starts over. */
  entries: readonly DirectoryEntry[] | null;
}

const MAX_HANDLES = 65_536;

/**
 * Open files and directories by the id the guest's kernel has. A file in use is closed after its last request, also
 * when a hostile guest releases it before: its descriptor number must not become another file's meanwhile.
 */
export class Handles {
  readonly #files = new Map<number, OpenFile>();
  readonly #directories = new Map<number, OpenDirectory>();
  #nextId = 1;

  /** @throws {VfsError} EMFILE when the guest has too many open; call before opening. */
  assertRoom(): void {
    if (this.#files.size + this.#directories.size >= MAX_HANDLES) throw new VfsError('EMFILE');
  }

  addFile(held: HeldNode, handle: VfsHandle): number {
    const id = this.#nextId++;
    this.#files.set(id, { held, handle, users: 0, isReleased: false });
    return id;
  }

  addDirectory(held: HeldNode): number {
    const id = this.#nextId++;
    this.#directories.set(id, { held, entries: null });
    return id;
  }

  /** @throws {VfsError} EBADF for an id that is not open. */
  directory(id: bigint): OpenDirectory {
    const directory = this.#directories.get(Number(id));
    if (directory === undefined) throw new VfsError('EBADF');
    return directory;
  }

  /** The handle when `id` is a file open on that node, else null. */
  of(id: bigint, held: HeldNode): VfsHandle | null {
    const file = this.#files.get(Number(id));
    return file?.held === held ? file.handle : null;
  }

  /** Runs `action` with a file open on that node. @throws {VfsError} EBADF when `id` is none. */
  async use<T>(
    id: bigint,
    held: HeldNode,
    action: (handle: VfsHandle) => T | Promise<T>,
  ): Promise<T> {
    const file = this.#files.get(Number(id));
    if (file?.held !== held) throw new VfsError('EBADF');
    file.users++;
    try {
      return await action(file.handle);
    } finally {
      file.users--;
      if (file.isReleased) await this.#close(file);
    }
  }

  async release(id: bigint): Promise<void> {
    const file = this.#files.get(Number(id));
    if (file === undefined) throw new VfsError('EBADF');
    this.#files.delete(Number(id));
    file.isReleased = true;
    await this.#close(file);
  }

  releaseDirectory(id: bigint): void {
    this.#directories.delete(Number(id));
  }

  async #close(file: OpenFile): Promise<void> {
    if (file.users === 0) await file.held.mount.provider.release(file.handle);
  }

  /** Closes all, for the end of the server. */
  async clear(): Promise<void> {
    this.#directories.clear();
    for (const id of this.#files.keys()) await this.release(BigInt(id));
  }
}
