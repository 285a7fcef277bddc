import { GondolinError } from '../../../errors/gondolin-error.ts';

/** Longest header of a frame: two bytes, eight of length, four of mask (RFC 6455 §5.2). */
const MAX_HEAD_BYTES = 14;
const MAX_CONTROL_BYTES = 125;

/** One frame's head. */
export interface FrameHead {
  readonly isFinal: boolean;
  /** RSV1..3 at their positions in the first byte: used by extensions, none of which is negotiated. */
  readonly reserved: number;
  /** 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number;
  readonly lengthBytes: number;
  /** Four bytes, or null. */
  readonly mask: Buffer | null;
}

/** Receives a head, then its payload in pieces (unmasked, never empty), then the end of the frame. */
export interface FrameHandler {
  onHead(head: FrameHead): void;
  onPayload(bytes: Buffer): void;
  onEnd(head: FrameHead): void;
}

export function isControl(head: FrameHead): boolean {
  return head.opcode >= 8;
}

function broken(problem: string): GondolinError {
  return new GondolinError('NET_WEBSOCKET_INVALID', `A WebSocket frame is not valid: ${problem}`);
}

/** Reads the frames of one direction of a WebSocket from a stream of chunks; remembers at most 13 bytes. */
export class FrameParser {
  readonly #handler: FrameHandler;
  #pending: Buffer = Buffer.alloc(0);
  #head: FrameHead | null = null;
  #leftBytes = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** @throws {GondolinError} NET_WEBSOCKET_INVALID if the (untrusted) bytes are not frames. */
  push(chunk: Buffer): void {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      if (this.#head === null) {
        const read = readHead(bytes);
        if (read === null) break;
        bytes = bytes.subarray(read.sizeBytes);
        this.#head = read.head;
        this.#leftBytes = read.head.lengthBytes;
        this.#handler.onHead(read.head);
      }
      const payload = bytes.subarray(0, this.#leftBytes);
      if (payload.length > 0) this.#payload(this.#head, payload);
      bytes = bytes.subarray(payload.length);
      if (this.#leftBytes > 0) break;
      this.#handler.onEnd(this.#head);
      this.#head = null;
    }
    this.#pending = Buffer.from(bytes);
  }

  #payload(head: FrameHead, payload: Buffer): void {
    const offset = head.lengthBytes - this.#leftBytes;
    this.#leftBytes -= payload.length;
    this.#handler.onPayload(head.mask === null ? payload : unmask(payload, head.mask, offset));
  }
}

function readHead(bytes: Buffer): { head: FrameHead; sizeBytes: number } | null {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return null;
  const short = second & 0x7f;
  const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskSize = (second & 0x80) === 0 ? 0 : 4;
  const sizeBytes = 2 + lengthSize + maskSize;
  if (bytes.length < sizeBytes) return null;
  const head: FrameHead = {
    isFinal: (first & 0x80) !== 0,
    reserved: first & 0x70,
    opcode: first & 0x0f,
    lengthBytes: readLength(bytes, short),
    mask: maskSize === 0 ? null : Buffer.from(bytes.subarray(sizeBytes - 4, sizeBytes)),
  };
  if (isControl(head) && (head.lengthBytes > MAX_CONTROL_BYTES || !head.isFinal)) {
    throw broken('a control frame is too long or fragmented');
  }
  return { head, sizeBytes };
}

function readLength(bytes: Buffer, short: number): number {
  if (short < 126) return short;
  if (short === 126) return bytes.readUInt16BE(2);
  const length = bytes.readBigUInt64BE(2);
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw broken('its length is too large');
  return Number(length);
}

function unmask(payload: Buffer, mask: Buffer, offset: number): Buffer {
  const plain = Buffer.allocUnsafe(payload.length);
  for (let index = 0; index < payload.length; index += 1) {
    plain[index] = (payload[index] ?? 0) ^ (mask[(offset + index) & 3] ?? 0);
  }
  return plain;
}

/** Returns the bytes of an unmasked frame. */
export function encodeWebSocketFrame(
  { isFinal, opcode }: { isFinal: boolean; opcode: number },
  payload: Buffer,
): Buffer {
  const head = Buffer.alloc(MAX_HEAD_BYTES);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  const { length } = payload;
  let size = 2;
  if (length < 126) {
    head[1] = length;
  } else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
    size = 4;
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
    size = 10;
  }
  return Buffer.concat([head.subarray(0, size), payload]);
}
