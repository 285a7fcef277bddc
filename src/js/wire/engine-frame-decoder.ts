import { ENGINE_HEADER_BYTES, type EngineFrame, MAX_FRAME_BYTES } from './engine-frame.ts';

/** Makes frames of a guest's bytes, which may come in any pieces. */
export class EngineFrameDecoder {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes of the frame that is coming in, with its header; the header alone until that is known. */
  #wanted = ENGINE_HEADER_BYTES;

  /**
   * Returns the frames that are whole now.
   * @throws {RangeError} for a length above {@link MAX_FRAME_BYTES}; the decoder is of no use afterwards.
   */
  push(chunk: Buffer): EngineFrame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: EngineFrame[] = [];
    while (this.#length >= this.#wanted) {
      const bytes = this.#join();
      this.#wanted = ENGINE_HEADER_BYTES + frameLength(bytes);
      if (bytes.length < this.#wanted) break;
      frames.push({
        type: bytes.readUInt8(4),
        payload: bytes.subarray(ENGINE_HEADER_BYTES, this.#wanted),
      });
      this.#keep(bytes.subarray(this.#wanted));
    }
    return frames;
  }

  #join(): Buffer {
    const [first, ...rest] = this.#chunks;
    const bytes = first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    return bytes;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    this.#wanted = ENGINE_HEADER_BYTES;
  }
}

function frameLength(bytes: Buffer): number {
  const length = bytes.readUInt32LE(0);
  if (length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${length} bytes`);
  return length;
}
