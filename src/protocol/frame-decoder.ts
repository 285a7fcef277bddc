import { FRAME, FRAME_HEADER_BYTES } from './constants.ts';
import {
  CREDIT_RANGE,
  type Frame,
  type FrameType,
  MAX_PAYLOAD_BYTES,
  PAYLOAD_BYTES,
  REASON_RANGE,
  type Sender,
} from './frame.ts';
import { guestProtocolError } from './guest-protocol-error.ts';

const TYPES: ReadonlyMap<number, FrameType> = new Map(
  (Object.keys(FRAME) as FrameType[]).map((type) => [FRAME[type], type]),
);

interface Header {
  readonly type: FrameType;
  readonly streamId: number;
  readonly payloadBytes: number;
}

/**
 * Splits an untrusted byte stream into frames, however it is chunked. Checks every field before allocating memory for
 * it and holds at most one payload. Do not use the decoder after an error.
 *
 * A payload within one chunk is a view of that chunk: copy a small one to keep it.
 *
 * @example
 * decoder.push(chunk);
 * for (let frame = decoder.next(); frame !== null; frame = decoder.next()) handle(frame);
 */
export class FrameDecoder {
  readonly #sender: Sender;
  readonly #partialHeader = Buffer.alloc(FRAME_HEADER_BYTES);
  #partialHeaderBytes = 0;
  #header: Header | null = null;
  /** Present only while a payload spans chunks. */
  #payload: Buffer | null = null;
  #payloadBytes = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #offset = 0;

  /** @param sender  The side that sends the bytes. */
  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Adds the next bytes. Call only after `next()` has returned null, when the previous chunk is used up. */
  push(chunk: Buffer): void {
    if (this.#offset < this.#chunk.length)
      throw new RangeError('push() before next() returned null');
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * Returns the next whole frame, or null when more bytes are needed.
   * @throws {GondolinError} GUEST_PROTOCOL when the bytes break a rule of docs/protocol.md, "Frame".
   */
  next(): Frame | null {
    this.#header ??= this.#readHeader();
    if (this.#header === null) return null;
    const payload = this.#readPayload(this.#header.payloadBytes);
    if (payload === null) return null;
    const frame = toFrame(this.#header, payload);
    this.#header = null;
    return frame;
  }

  #readHeader(): Header | null {
    const available = this.#chunk.length - this.#offset;
    if (this.#partialHeaderBytes === 0 && available >= FRAME_HEADER_BYTES) {
      const header = checkHeader(this.#chunk, this.#offset, this.#sender);
      this.#offset += FRAME_HEADER_BYTES;
      return header;
    }
    const taken = Math.min(available, FRAME_HEADER_BYTES - this.#partialHeaderBytes);
    this.#chunk.copy(
      this.#partialHeader,
      this.#partialHeaderBytes,
      this.#offset,
      this.#offset + taken,
    );
    this.#partialHeaderBytes += taken;
    this.#offset += taken;
    if (this.#partialHeaderBytes < FRAME_HEADER_BYTES) return null;
    this.#partialHeaderBytes = 0;
    return checkHeader(this.#partialHeader, 0, this.#sender);
  }

  #readPayload(length: number): Buffer | null {
    const available = this.#chunk.length - this.#offset;
    if (this.#payload === null && available >= length) {
      this.#offset += length;
      return this.#chunk.subarray(this.#offset - length, this.#offset);
    }
    // The length was checked against the sender's limit, which bounds this allocation.
    this.#payload ??= Buffer.allocUnsafeSlow(length);
    const taken = Math.min(available, length - this.#payloadBytes);
    this.#chunk.copy(this.#payload, this.#payloadBytes, this.#offset, this.#offset + taken);
    this.#payloadBytes += taken;
    this.#offset += taken;
    if (this.#payloadBytes < length) return null;
    const payload = this.#payload;
    this.#payload = null;
    this.#payloadBytes = 0;
    return payload;
  }
}

function checkHeader(bytes: Buffer, offset: number, sender: Sender): Header {
  const payloadBytes = bytes.readUInt32LE(offset);
  const type = TYPES.get(bytes.readUInt8(offset + 4));
  const streamId = bytes.readUInt32LE(offset + 8);
  if (type === undefined) {
    throw guestProtocolError('a known frame type', {
      subject: 'frame',
      got: bytes.readUInt8(offset + 4),
    });
  }
  const reserved = bytes.readUInt8(offset + 5) | bytes.readUInt16LE(offset + 6);
  if (reserved !== 0) throw guestProtocolError('flags and reserved of 0', { subject: type });
  if ((streamId === 0) !== (type === 'MESSAGE')) {
    throw guestProtocolError('stream id 0 for MESSAGE only', { subject: type, got: streamId });
  }
  const { min, max } = PAYLOAD_BYTES[type];
  const limit = Math.min(max, MAX_PAYLOAD_BYTES[sender]);
  if (payloadBytes > limit) {
    throw guestProtocolError('a payload within the limit', {
      subject: type,
      limit,
      got: payloadBytes,
    });
  }
  if (payloadBytes < min) {
    throw guestProtocolError('a whole payload', { subject: type, limit: min, got: payloadBytes });
  }
  return { type, streamId, payloadBytes };
}

function toFrame({ type, streamId }: Header, payload: Buffer): Frame {
  switch (type) {
    case 'MESSAGE':
      return { type, payload };
    case 'DATA':
      return { type, streamId, payload };
    case 'OPEN':
      // Copied, because it is kept longer than its chunk.
      return { type, streamId, kind: payload.readUInt8(), body: Buffer.from(payload.subarray(1)) };
    case 'EOF':
    case 'ACCEPT':
      return { type, streamId };
    case 'RESET':
      return { type, streamId, reason: inRange(type, payload, REASON_RANGE) };
    case 'CREDIT':
      return { type, streamId, bytes: inRange(type, payload, CREDIT_RANGE) };
  }
}

function inRange(
  type: FrameType,
  payload: Buffer,
  range: { readonly min: number; readonly max: number },
): number {
  const value = payload.readUInt32LE();
  if (value >= range.min && value <= range.max) return value;
  throw guestProtocolError(`a number of ${range.min} to ${range.max}`, {
    subject: type,
    limit: range.max,
    got: value,
  });
}
