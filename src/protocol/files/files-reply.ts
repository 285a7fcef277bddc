import { FILES_REPLY_HEADER_BYTES, MAX_FILES_FRAME_BYTES } from '../constants.ts';
import { guestProtocolError } from '../guest-protocol-error.ts';

/** A whole reply of the files process. Untrusted. */
export interface FilesReply {
  readonly id: number;
  /** 0, or a Linux error number. */
  readonly errno: number;
  /** A view of the received bytes. */
  readonly body: Buffer;
}

/** Cuts the byte stream of a files process into replies. Holds at most one that is not whole. */
export class FilesReplyReader {
  #parts: Buffer[] = [];
  #bytes = 0;

  /**
   * Adds received bytes; then call `next` until it returns null.
   * @param chunk  Untrusted.
   */
  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Returns the next whole reply, or null. @throws {GondolinError} GUEST_PROTOCOL for a length out of bounds. */
  next(): FilesReply | null {
    if (this.#bytes < FILES_REPLY_HEADER_BYTES) return null;
    const length = this.#head(FILES_REPLY_HEADER_BYTES).readUInt32LE(0);
    if (length < FILES_REPLY_HEADER_BYTES - 4 || length > MAX_FILES_FRAME_BYTES) {
      const facts = { subject: 'files reply', limit: MAX_FILES_FRAME_BYTES, got: length };
      throw guestProtocolError('a length within its bounds', facts);
    }
    const end = length + 4;
    if (this.#bytes < end) return null;
    const frame = this.#head(end);
    this.#drop(end);
    return {
      id: frame.readUInt32LE(4),
      errno: frame.readUInt32LE(8),
      body: frame.subarray(FILES_REPLY_HEADER_BYTES, end),
    };
  }

  /** Returns the first received bytes in one piece, at least `count` of them. */
  #head(count: number): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && first.length >= count) return first;
    const whole = Buffer.concat(this.#parts, this.#bytes);
    // Kept: a reply in many pieces is joined at most twice, for its header and once all of it is there.
    this.#parts = [whole];
    return whole;
  }

  #drop(count: number): void {
    const [first, ...rest] = this.#parts;
    if (first === undefined) return;
    this.#parts = first.length > count ? [first.subarray(count), ...rest] : rest;
    this.#bytes -= count;
  }
}
