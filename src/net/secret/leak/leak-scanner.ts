import { LONGEST_FORM_BYTES, type PlaceholderIndex } from './placeholder-index.ts';

const OVERLAP_BYTES = LONGEST_FORM_BYTES - 1;

/** Scans a stream of chunks for placeholders; remembers 95 bytes. */
export class LeakScanner {
  readonly #index: PlaceholderIndex;
  #tail: Buffer = Buffer.alloc(0);

  constructor(index: PlaceholderIndex) {
    this.#index = index;
  }

  /** Returns the name of a secret whose placeholder is in this chunk or ends in it, or null. */
  scan(chunk: Buffer): string | null {
    if (this.#index.isEmpty || chunk.length === 0) return null;
    // Only bytes around the border are scanned twice: the chunk itself is never copied.
    const seam = Buffer.concat([this.#tail, chunk.subarray(0, OVERLAP_BYTES)]);
    const name = (this.#tail.length === 0 ? null : this.#index.findInBytes(seam)) ?? null;
    this.#tail =
      chunk.length >= OVERLAP_BYTES
        ? Buffer.from(chunk.subarray(chunk.length - OVERLAP_BYTES))
        : Buffer.from(seam.subarray(Math.max(0, seam.length - OVERLAP_BYTES)));
    return name ?? this.#index.findInBytes(chunk);
  }
}
