import { direntBytes, type ListedEntry, readDirent, writeDirent } from './dirent.ts';

/** Consecutive encoded struct fuse_dirents: a reply is a copy of some of them. */
interface Batch {
  /** Index of its first entry in the listing. */
  readonly first: number;
  readonly bytes: Buffer;
  /** Offset in `bytes` of each entry, then the end of the last one. */
  readonly starts: Uint32Array;
}

/** Memory of a batch besides its bytes: two objects and their references. */
const BATCH_OVERHEAD_BYTES = 256;

/** Returns the bytes that a batch of these entries takes in a listing. */
export function batchBytes(entries: readonly ListedEntry[]): number {
  let bytes = BATCH_OVERHEAD_BYTES + 4 * (entries.length + 1);
  for (const { name } of entries) bytes += direntBytes(name);
  return bytes;
}

/**
 * The entries of a directory at one moment. An entry's offset is its index, so no entry is skipped or repeated when others
 * appear or disappear while a program reads. A listing grows only while it is built.
 */
export class Listing {
  readonly #batches: Batch[] = [];
  #length = 0;
  #bytes = 0;
  /** Open directories and requests that use it; see {@link Listings}. */
  users = 0;

  /** Number of entries, including `.` and `..`. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory that it takes. */
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

  /** Returns the encoded struct fuse_dirent at `index`, null at the end. @param index Untrusted: any number from 0. */
  dirent(index: number): Buffer | null {
    const batch = this.#findBatch(index);
    if (batch === null) return null;
    const [start, end] = [batch.starts[index - batch.first], batch.starts[index - batch.first + 1]];
    return batch.bytes.subarray(start, end);
  }

  *entries(): Generator<ListedEntry, void> {
    for (let index = 0; index < this.#length; index++) {
      const dirent = this.dirent(index);
      if (dirent !== null) yield readDirent(dirent);
    }
  }

  /** True when both list the same entries in the same order. */
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
