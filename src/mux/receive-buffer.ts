/**
 * Payloads of at least this size are kept as they are when they fill half of the chunk they arrived in; others are collected
 * in blocks of this size.
 */
const BLOCK_BYTES = 16_384;

/**
 * Received bytes that are not read yet, in order. A payload may be a view of a much larger chunk, so keeping thousands of
 * small ones would take far more memory than their credit allows: small ones are copied together.
 */
export class ReceiveBuffer {
  #blocks: Buffer[] = [];
  /** The block that is being filled. Comes after `#blocks`. */
  #tail: Buffer | null = null;
  #tailBytes = 0;
  #bytes = 0;

  /** Bytes that wait to be taken. Their memory is less than twice that plus one block. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#blocks.length === 0 && this.#tail === null;
  }

  append(payload: Buffer): void {
    this.#bytes += payload.length;
    if (payload.length >= BLOCK_BYTES && 2 * payload.length >= payload.buffer.byteLength) {
      this.#closeTail();
      this.#blocks.push(payload);
      return;
    }
    const used = this.#tailBytes;
    if (this.#tail === null || used + payload.length > this.#tail.length)
      this.#grow(used + payload.length);
    if (this.#tail !== null) payload.copy(this.#tail, used);
    this.#tailBytes = used + payload.length;
    if (this.#tailBytes >= BLOCK_BYTES) this.#closeTail();
  }

  /** Takes the next block, or null when there is none. */
  take(): Buffer | null {
    if (this.#blocks.length === 0) this.#closeTail();
    const block = this.#blocks.shift() ?? null;
    this.#bytes -= block?.length ?? 0;
    return block;
  }

  clear(): void {
    this.#blocks = [];
    this.#tail = null;
    this.#tailBytes = 0;
    this.#bytes = 0;
  }

  /** Grows the block: to the length of a single small payload, doubling for more, so that copying stays linear. */
  #grow(neededBytes: number): void {
    const grown = Buffer.allocUnsafeSlow(
      Math.max(neededBytes, Math.min(2 * this.#tailBytes, 2 * BLOCK_BYTES)),
    );
    this.#tail?.copy(grown, 0, 0, this.#tailBytes);
    this.#tail = grown;
  }

  #closeTail(): void {
    if (this.#tail === null) return;
    this.#blocks.push(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = null;
    this.#tailBytes = 0;
  }
}
