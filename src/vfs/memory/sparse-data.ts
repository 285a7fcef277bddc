const CHUNK_BYTES = 64 * 1024;

/** Counts the bytes of all files of one provider against its limit. */
export interface ByteBudget {
  /** @throws {VfsError} ENOSPC when the limit would be passed. */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** Content of a file in memory: chunks that were never written read as zeros and cost nothing. */
export class SparseData {
  readonly #chunks = new Map<number, Buffer>();
  readonly #budget: ByteBudget;
  sizeBytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get allocatedBytes(): number {
    return this.#chunks.size * CHUNK_BYTES;
  }

  /** Start and bytes of each part that takes memory, up to the end of the file. */
  *parts(): Generator<readonly [number, Buffer]> {
    for (const [index, chunk] of this.#chunks) {
      const offset = index * CHUNK_BYTES;
      if (offset < this.sizeBytes) yield [offset, chunk.subarray(0, this.sizeBytes - offset)];
    }
  }

  read(target: Buffer, offset: number): number {
    const length = Math.max(0, Math.min(target.length, this.sizeBytes - offset));
    this.#eachPiece(offset, length, (index, from, to, done) => {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) target.fill(0, done, done + to - from);
      else chunk.copy(target, done, from, to);
    });
    return length;
  }

  write(data: Buffer, offset: number): void {
    this.#eachPiece(offset, data.length, (index, from, to, done) => {
      data.copy(this.#chunk(index), from, done, done + to - from);
    });
    this.sizeBytes = Math.max(this.sizeBytes, offset + data.length);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.punch(sizeBytes, this.sizeBytes - sizeBytes);
    this.sizeBytes = sizeBytes;
  }

  /** Makes a range read as zeros; whole chunks are freed. */
  punch(offset: number, length: number): void {
    for (const [index, chunk] of this.#chunks) {
      const start = index * CHUNK_BYTES;
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + CHUNK_BYTES);
      if (from >= to) continue;
      if (to - from === CHUNK_BYTES || (from === start && offset + length >= this.sizeBytes)) {
        this.#chunks.delete(index);
        this.#budget.give(CHUNK_BYTES);
      } else chunk.fill(0, from - start, to - start);
    }
  }

  /** Next offset at or after `offset` that is data (or a hole); null when only the other follows. */
  find(offset: number, kind: 'data' | 'hole'): number | null {
    for (
      let at = offset;
      at < this.sizeBytes;
      at = (Math.floor(at / CHUNK_BYTES) + 1) * CHUNK_BYTES
    ) {
      const isData = this.#chunks.has(Math.floor(at / CHUNK_BYTES));
      if (isData === (kind === 'data')) return at;
      if (kind === 'data' && this.#chunks.size === 0) return null;
    }
    return kind === 'hole' ? this.sizeBytes : null;
  }

  #chunk(index: number): Buffer {
    const known = this.#chunks.get(index);
    if (known !== undefined) return known;
    this.#budget.take(CHUNK_BYTES);
    const chunk = Buffer.alloc(CHUNK_BYTES);
    this.#chunks.set(index, chunk);
    return chunk;
  }

  #eachPiece(
    offset: number,
    length: number,
    action: (index: number, from: number, to: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const from = at % CHUNK_BYTES;
      const to = Math.min(CHUNK_BYTES, from + length - done);
      action(Math.floor(at / CHUNK_BYTES), from, to, done);
      done += to - from;
    }
  }
}
