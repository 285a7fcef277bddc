import { VfsError } from '../vfs-error.ts';

/** An inode without its content, its name and its link target: measured below this on Node 20 to 24. */
export const NODE_BYTES = 1024;
/** An entry of a directory without its name. */
const ENTRY_BYTES = 64;

/** What a name costs in its directory. */
export function entryBytes(name: string): number {
  return ENTRY_BYTES + name.length;
}

/** Bytes that one provider may hold: contents, inodes, names and link targets. */
export class MemoryBudget {
  readonly maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @throws {VfsError} ENOSPC when the limit would be passed; nothing is taken then. */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.maxBytes) throw new VfsError('ENOSPC');
    this.#usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
