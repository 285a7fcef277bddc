import type { Listing } from '../listing/listing.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { VfsHandle } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';

export interface OpenFile {
  readonly held: HeldNode;
  readonly handle: VfsHandle;
  /** Requests that are using it. */
  users: number;
  isReleased: boolean;
}

export interface OpenDirectory {
  readonly held: HeldNode;
  /** The listing that offsets index; replaced when reading starts over. */
  listing: Listing | null;
  /** `listingDrops` of the directory before its listing was made; -1 for a listing of a saved server. */
  drops: number;
  isReleased: boolean;
}

const MAX_HANDLES = 65_536;

/**
 * Open files and directories by their id in the guest's kernel. A file is closed only after its last request, even when a
 * hostile guest releases it earlier: its descriptor number must not become another file's meanwhile.
 */
export class Handles {
  readonly #files = new Map<number, OpenFile>();
  readonly #directories = new Map<number, OpenDirectory>();
  /** Ids of handles whose file was removed after the machine was saved. */
  readonly #lost = new Set<number>();
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
    this.#directories.set(id, { held, listing: null, drops: 0, isReleased: false });
    return id;
  }

  /** @throws {VfsError} EBADF for an id that is not open, ESTALE when its directory no longer exists. */
  directory(id: bigint): OpenDirectory {
    return this.#directories.get(Number(id)) ?? this.#missing(id);
  }

  #missing(id: bigint): never {
    throw new VfsError(this.#lost.has(Number(id)) ? 'ESTALE' : 'EBADF');
  }

  /** Returns the handle when `id` is a file open on that node, else null. */
  fileHandle(id: bigint, held: HeldNode): VfsHandle | null {
    const file = this.#files.get(Number(id));
    return file?.held === held ? file.handle : null;
  }

  /** Returns the node on which a file or directory is open, null for an id that is not open. */
  heldBy(id: bigint): HeldNode | null {
    const opened = this.#files.get(Number(id)) ?? this.#directories.get(Number(id));
    return opened?.held ?? null;
  }

  /** Runs `action` with a file open on that node. @throws {VfsError} EBADF when `id` is not one, ESTALE when it is lost. */
  async use<T>(
    id: bigint,
    held: HeldNode,
    action: (handle: VfsHandle) => T | Promise<T>,
  ): Promise<T> {
    const file = this.#files.get(Number(id));
    if (file?.held !== held) return this.#missing(id);
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
    if (this.#lost.delete(Number(id))) return;
    if (file === undefined) throw new VfsError('EBADF');
    this.#files.delete(Number(id));
    file.isReleased = true;
    await this.#close(file);
  }

  /** Returns the directory whose listing is to be released; null when no directory has that id. */
  releaseDirectory(id: bigint): OpenDirectory | null {
    const directory = this.#directories.get(Number(id)) ?? null;
    this.#directories.delete(Number(id));
    this.#lost.delete(Number(id));
    if (directory !== null) directory.isReleased = true;
    return directory;
  }

  async #close(file: OpenFile): Promise<void> {
    if (file.users === 0) await file.held.mount.provider.release(file.handle);
  }

  /** The id that the next handle gets. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Ids of handles that fail with ESTALE. */
  get lost(): ReadonlySet<number> {
    return this.#lost;
  }

  files(): IterableIterator<[number, OpenFile]> {
    return this.#files.entries();
  }

  directories(): IterableIterator<[number, OpenDirectory]> {
    return this.#directories.entries();
  }

  /** Takes over the handles of a saved server. */
  restore(saved: {
    readonly nextId: number;
    readonly lost: readonly number[];
    readonly files: readonly (readonly [number, HeldNode, VfsHandle])[];
    readonly directories: readonly (readonly [number, OpenDirectory])[];
  }): void {
    this.#nextId = saved.nextId;
    for (const id of saved.lost) this.#lost.add(id);
    for (const [id, held, handle] of saved.files) {
      this.#files.set(id, { held, handle, users: 0, isReleased: false });
    }
    for (const [id, directory] of saved.directories) this.#directories.set(id, directory);
  }

  /** Closes all handles when the server ends; a failure does not keep others open. Never rejects. */
  async clear(): Promise<void> {
    this.#directories.clear();
    const ids = [...this.#files.keys()];
    await Promise.allSettled(ids.map((id) => this.release(BigInt(id))));
  }
}
