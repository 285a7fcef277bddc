import { direntBytes, type ListedEntry, readDirent, writeDirent } from './dirent.ts';

/** Finished struct fuse_dirents in a row: a reply is a copy of some of them. */
interface Batch {
  /** Index in the listing of its first entry. */
  readonly first: number;
  readonly bytes: Buffer;
  /** Where each entry starts in `bytes`, and where the last one ends. */
  readonly starts: Uint32Array;
}

/** What a batch costs beside its bytes: two objects and their places. */
const BATCH_OVERHEAD_BYTES = 256;

/** Bytes that a batch of these entries takes in a listing. */
export function batchBytes(entries: readonly ListedEntry[]): number {
  let bytes = BATCH_OVERHEAD_BYTES + 4 * (entries.length + 1);
  for (const { name } of entries) bytes += direntBytes(name);
  return bytes;
}

/**
 * The entries of a directory as they were at one moment. An entry's offset is its index, so that entries which come or
 * go while a program reads are neither skipped nor doubled. It only grows while it is built.
 */
export class Listing {
  readonly #batches: Batch[] = [];
  #length = 0;
  #bytes = 0;
  /** Open directories and requests that use it; see {@link Listings}. */
  users = 0;

  /** Entries, `.` and `..` among them. */
  get length(): number {
    return this.#length;
  }

  /** What it takes of this process' memory. */
  get bytes(): number {
    return this.#bytes;
  }

  add(entries: readonly ListedEntry[]): void {
    const starts = new Uint32Array(entries.length + 1);
    let size = 0;
    let count = 0;
    for (const { name } of entries) {
      size += direntBytes(name);
      starts[++count] = size;
    }
    const bytes = Buffer.alloc(size);
    let at = 0;
    let next = this.#length;
    for (const { ino, name, type } of entries) {
      writeDirent(bytes, at, { ino, name, type, next: ++next });
      at += direntBytes(name);
    }
    this.#batches.push({ first: this.#length, bytes, starts });
    this.#length += entries.length;
    this.#bytes += BATCH_OVERHEAD_BYTES + starts.byteLength + size;
  }

  /** The finished struct fuse_dirent at `index`; null at the end. Untrusted: `index` is any number of at least 0. */
  dirent(index: number): Buffer | null {
    const batch = this.#findBatch(index);
    if (batch === null) return null;
    const [start, end] = [batch.starts[index - batch.first], batch.starts[index - batch.first + 1]];
    return batch.bytes.subarray(start, end);
  }

  /** Copies the entries from `index` on, as many as fit. @returns bytes that were written. */
  copyTo(target: Buffer, index: number): number {
    let used = 0;
    for (let next = index; ; next++) {
      const dirent = this.dirent(next);
      if (dirent === null || used + dirent.length > target.length) return used;
      used += dirent.copy(target, used);
    }
  }

  *entries(): Generator<ListedEntry, void> {
    for (let index = 0; index < this.#length; index++) {
      const dirent = this.dirent(index);
      if (dirent !== null) yield readDirent(dirent);
    }
  }

  /** True when both list the same, in the same order. */
  equals(other: Listing): boolean {
    return (
      this.#bytes === other.#bytes &&
      this.#batches.length === other.#batches.length &&
      this.#batches.every(({ bytes }, place) => other.#batches[place]?.bytes.equals(bytes) === true)
    );
  }

  #findBatch(index: number): Batch | null {
    if (index >= this.#length) return null;
    let [low, high] = [0, this.#batches.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#batches[middle]?.first ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return this.#batches[low] ?? null;
  }
}
