import { VfsError } from '../vfs-error.ts';
import type { MemoryBudget } from './memory-budget.ts';

const CHUNK_BYTES = 64 * 1024;
/** Offsets are JavaScript numbers. */
const MAX_FILE_BYTES = Number.MAX_SAFE_INTEGER;

const chunkIndex = (offset: number) => Math.floor(offset / CHUNK_BYTES);

/** Content of a file in memory. Chunks that were never written read as zeros and take no memory. */
export class SparseData {
  readonly #chunks = new Map<number, Buffer>();
  /** Indices of the chunks, ascending, to find data and holes by binary search. */
  readonly #order: number[] = [];
  readonly #budget: MemoryBudget;
  #sizeBytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get allocatedBytes(): number {
    return this.#chunks.size * CHUNK_BYTES;
  }

  /** Yields offset and bytes of each part that takes memory, up to the end of the file. */
  *parts(): Generator<readonly [number, Buffer]> {
    for (const index of this.#order) {
      const chunk = this.#chunks.get(index);
      const offset = index * CHUNK_BYTES;
      if (chunk !== undefined && offset < this.#sizeBytes) {
        yield [offset, chunk.subarray(0, this.#sizeBytes - offset)];
      }
    }
  }

  read(target: Buffer, offset: number): number {
    const length = Math.max(0, Math.min(target.length, this.#sizeBytes - offset));
    eachPiece(offset, length, (index, from, to, done) => {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) target.fill(0, done, done + to - from);
      else chunk.copy(target, done, from, to);
    });
    return length;
  }

  /** Writes all or nothing. @throws {VfsError} ENOSPC, EFBIG */
  write(data: Buffer, offset: number): void {
    if (data.length === 0) return;
    const end = offset + data.length;
    if (end > MAX_FILE_BYTES) throw new VfsError('EFBIG');
    this.#allocate(chunkIndex(offset), chunkIndex(end - 1));
    eachPiece(offset, data.length, (index, from, to, done) => {
      const chunk = this.#chunks.get(index);
      if (chunk !== undefined) data.copy(chunk, from, done, done + to - from);
    });
    this.#sizeBytes = Math.max(this.#sizeBytes, end);
  }

  /** @throws {VfsError} EFBIG */
  truncate(sizeBytes: number): void {
    if (sizeBytes > MAX_FILE_BYTES) throw new VfsError('EFBIG');
    if (sizeBytes < this.#sizeBytes) this.punch(sizeBytes, this.#sizeBytes - sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  /** Makes a range read as zeros and frees whole chunks. */
  punch(offset: number, length: number): void {
    const end = offset + length;
    const isToEnd = end >= this.#sizeBytes;
    const freed: { first: number; count: number } = { first: 0, count: 0 };
    for (let place = this.#positionFrom(chunkIndex(offset)); place < this.#order.length; place++) {
      const index = this.#order[place] ?? 0;
      const start = index * CHUNK_BYTES;
      if (start >= end) break;
      const from = Math.max(offset, start);
      const to = Math.min(end, start + CHUNK_BYTES);
      if (from === start && (to - from === CHUNK_BYTES || isToEnd)) {
        if (freed.count++ === 0) freed.first = place;
        this.#chunks.delete(index);
      } else this.#chunks.get(index)?.fill(0, from - start, to - start);
    }
    this.#order.splice(freed.first, freed.count);
    this.#budget.give(freed.count * CHUNK_BYTES);
  }

  /** Returns the next offset from `offset` that is data (or a hole), or null when only the other kind follows. */
  find(offset: number, kind: 'data' | 'hole'): number | null {
    const index = chunkIndex(offset);
    const place = this.#positionFrom(index);
    const next = this.#order[place];
    if (kind === 'hole') {
      if (next !== index) return Math.min(offset, this.#sizeBytes);
      return Math.min((this.#lastOfRun(place) + 1) * CHUNK_BYTES, this.#sizeBytes);
    }
    const at = next === undefined ? this.#sizeBytes : Math.max(offset, next * CHUNK_BYTES);
    return at < this.#sizeBytes ? at : null;
  }

  /** Returns the position in the order of the first chunk at or after `index`. */
  #positionFrom(index: number): number {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Returns the index of the last chunk of the run that starts at position `place`. */
  #lastOfRun(place: number): number {
    const first = this.#order[place] ?? 0;
    let [low, high] = [place, this.#order.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#order[middle] ?? 0) - first === middle - place) low = middle;
      else high = middle - 1;
    }
    return first + low - place;
  }

  /** Makes the missing chunks from `first` to `last`. */
  #allocate(first: number, last: number): void {
    const [from, to] = [this.#positionFrom(first), this.#positionFrom(last + 1)];
    const missing = last - first + 1 - (to - from);
    if (missing === 0) return;
    this.#budget.take(missing * CHUNK_BYTES);
    const indices = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    for (const index of indices) {
      if (!this.#chunks.has(index)) this.#chunks.set(index, Buffer.alloc(CHUNK_BYTES));
    }
    this.#order.splice(from, to - from, ...indices);
  }
}

function eachPiece(
  offset: number,
  length: number,
  action: (index: number, from: number, to: number, done: number) => void,
): void {
  for (let done = 0; done < length; ) {
    const at = offset + done;
    const from = at % CHUNK_BYTES;
    const to = Math.min(CHUNK_BYTES, from + length - done);
    action(chunkIndex(at), from, to, done);
    done += to - from;
  }
}
