import { VfsError } from '../vfs-error.ts';

/** Bytes of an inode without content, name and link target. Upper bound, measured on Node 20 to 24. */
export const NODE_BYTES = 1024;
/** Bytes of a directory entry without its name. */
const ENTRY_BYTES = 64;

/** Returns the bytes of a name in its directory. */
export function entryBytes(name: string): number {
  return ENTRY_BYTES + name.length;
}

/** Bytes of an extended attribute without its name and value. */
const ATTRIBUTE_BYTES = 160;

/** Returns the bytes of an extended attribute. */
export function attributeBytes(name: string, value: Buffer): number {
  return ATTRIBUTE_BYTES + name.length + value.length;
}

/** Counts the bytes of one provider: contents, inodes, names, link targets and extended attributes. */
export class MemoryBudget {
  readonly maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @throws {VfsError} ENOSPC, taking nothing, when the limit would be exceeded. */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.maxBytes) throw new VfsError('ENOSPC');
    this.#usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
