/** Reads exact numbers of bytes of a stream, without holding more than a chunk and what was asked for. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#chunks =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** Returns 1..maxBytes bytes, as they come; null at the end. */
  async some(maxBytes: number): Promise<Buffer | null> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return null;
      const { buffer, byteOffset, length } = next.value;
      this.#rest = Buffer.from(buffer, byteOffset, length);
    }
    const bytes = this.#rest.subarray(0, maxBytes);
    this.#rest = this.#rest.subarray(bytes.length);
    return bytes;
  }

  /** Returns `count` bytes, or fewer at the end. */
  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = count;
    while (left > 0) {
      const part = await this.some(left);
      if (part === null) break;
      parts.push(part);
      left -= part.length;
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }

  /** Ends the source, so that what feeds it is not left waiting. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
