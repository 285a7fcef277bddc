import { MAX_FUSE_MESSAGE_BYTES } from '../constants.ts';
import { guestProtocolError } from '../guest-protocol-error.ts';
import { FIXED_BYTES, IN_HEADER_BYTES } from './fuse-abi.ts';

/** One request of the guest's kernel. `body` is the part after the header. Untrusted: only lengths are checked. */
export interface FuseRequest {
  readonly opcode: number;
  readonly unique: bigint;
  readonly nodeId: number;
  readonly uid: number;
  readonly gid: number;
  /** Number of replies that the agent has taken from the reply disk, modulo 65,536. */
  readonly repliesTaken: number;
  readonly body: Buffer;
}

/** Splits the file channel's bytes into requests, each of which starts with its length (struct fuse_in_header). */
export class FuseRequestDecoder {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Length of the current request, or 0 until its first 4 bytes have arrived. */
  #wanted = 0;

  /** Adds received bytes. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * Takes the next request, or null when it is not complete yet.
   * @throws {GondolinError} GUEST_PROTOCOL when a length is out of bounds, or too short for the opcode.
   */
  next(): FuseRequest | null {
    if (this.#wanted === 0) {
      if (this.#bytes < 4) return null;
      this.#wanted = checkedLength(this.#peek(4).readUInt32LE(0));
    }
    if (this.#bytes < this.#wanted) return null;
    const message = this.#take(this.#wanted);
    this.#wanted = 0;
    return decodeRequest(message);
  }

  /** Bytes that `next` has not taken yet. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  #peek(length: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= length) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(length: number): Buffer {
    const first = this.#peek(length);
    const rest = first.subarray(length);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    this.#bytes -= length;
    return first.subarray(0, length);
  }
}

function checkedLength(length: number): number {
  if (length >= IN_HEADER_BYTES && length <= MAX_FUSE_MESSAGE_BYTES) return length;
  throw guestProtocolError('a FUSE request length within bounds', {
    subject: 'fs channel',
    got: length,
    limit: MAX_FUSE_MESSAGE_BYTES,
  });
}

function decodeRequest(message: Buffer): FuseRequest {
  const opcode = message.readUInt32LE(4);
  const body = message.subarray(IN_HEADER_BYTES);
  const fixedBytes = FIXED_BYTES[opcode] ?? 0;
  if (body.length < fixedBytes) {
    throw guestProtocolError('the whole fixed part of a FUSE request', {
      subject: `FUSE opcode ${opcode}`,
      got: body.length,
      limit: fixedBytes,
    });
  }
  return {
    opcode,
    unique: message.readBigUInt64LE(8),
    // Our ids are small; a larger one rounds to an id that we never assigned.
    nodeId: Number(message.readBigUInt64LE(16)),
    uid: message.readUInt32LE(24),
    gid: message.readUInt32LE(28),
    repliesTaken: message.readUInt16LE(38),
    body,
  };
}
