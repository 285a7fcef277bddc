import {
  FRAME,
  FRAME_HEADER_BYTES,
  INITIAL_WINDOW_BYTES,
  MAX_DATA_BYTES,
  MAX_GUEST_PAYLOAD_BYTES,
  MAX_HOST_PAYLOAD_BYTES,
  MAX_OPEN_PAYLOAD_BYTES,
  MESSAGE_HEADER_BYTES,
  RESET,
} from './constants.ts';

/** The side that sent the bytes: the payload limits differ. */
export type Sender = 'guest' | 'host';

/** A name of {@link FRAME}. */
export type FrameType = keyof typeof FRAME;

/** One decoded frame (docs/protocol.md, "Frame"). `streamId` is 1..4294967295; a `payload` is never empty. */
export type Frame =
  | { readonly type: 'MESSAGE'; readonly payload: Buffer }
  | {
      readonly type: 'OPEN';
      readonly streamId: number;
      readonly kind: number;
      /** The bytes after the kind, 0..63 of them. */
      readonly body: Buffer;
    }
  | { readonly type: 'DATA'; readonly streamId: number; readonly payload: Buffer }
  | { readonly type: 'EOF'; readonly streamId: number }
  | { readonly type: 'RESET'; readonly streamId: number; readonly reason: number }
  | { readonly type: 'CREDIT'; readonly streamId: number; readonly bytes: number }
  | { readonly type: 'ACCEPT'; readonly streamId: number };

/** Bounds of each type's payload, in bytes, for both senders. */
export const PAYLOAD_BYTES: Readonly<
  Record<FrameType, { readonly min: number; readonly max: number }>
> = {
  MESSAGE: { min: MESSAGE_HEADER_BYTES, max: MAX_HOST_PAYLOAD_BYTES },
  OPEN: { min: 1, max: MAX_OPEN_PAYLOAD_BYTES },
  DATA: { min: 1, max: MAX_DATA_BYTES },
  EOF: { min: 0, max: 0 },
  RESET: { min: 4, max: 4 },
  CREDIT: { min: 4, max: 4 },
  ACCEPT: { min: 0, max: 0 },
};

/** Longest payload of any frame, in bytes, by its sender. */
export const MAX_PAYLOAD_BYTES: Readonly<Record<Sender, number>> = {
  guest: MAX_GUEST_PAYLOAD_BYTES,
  host: MAX_HOST_PAYLOAD_BYTES,
};

/** Range of a `CREDIT`'s bytes. */
export const CREDIT_RANGE = { min: 1, max: INITIAL_WINDOW_BYTES } as const;

/** Range of a `RESET`'s reason. */
export const REASON_RANGE = { min: RESET.CANCELLED, max: RESET.NETWORK_UNREACHABLE } as const;

const EMPTY = Buffer.alloc(0);

/** Returns the 12-byte header of a frame whose payload is sent separately, so that bulk data is not copied. */
export function encodeFrameHeader(type: FrameType, streamId: number, payloadBytes: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(payloadBytes, 0);
  header.writeUInt8(FRAME[type], 4);
  header.writeUInt32LE(streamId, 8);
  return header;
}

/**
 * Returns the bytes of one frame, header and payload in one buffer. The caller must keep the limits of docs/protocol.md.
 * @throws {RangeError} when a number does not fit its field, which is a bug in the caller.
 */
export function encodeFrame(frame: Frame): Buffer {
  const payload = encodePayload(frame);
  const streamId = frame.type === 'MESSAGE' ? 0 : frame.streamId;
  return Buffer.concat([encodeFrameHeader(frame.type, streamId, payload.length), payload]);
}

function encodePayload(frame: Frame): Buffer {
  switch (frame.type) {
    case 'MESSAGE':
    case 'DATA':
      return frame.payload;
    case 'OPEN':
      return Buffer.concat([Buffer.of(frame.kind), frame.body]);
    case 'EOF':
    case 'ACCEPT':
      return EMPTY;
    case 'RESET':
      return encodeUInt32(frame.reason);
    case 'CREDIT':
      return encodeUInt32(frame.bytes);
  }
}

function encodeUInt32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
