/** Frames of guest/js/frames.h, which says what each payload is. */
export const ENGINE_FRAME = {
  load: 1,
  call: 2,
  snapshot: 3,
  restore: 4,
  forget: 5,
  hostResult: 6,
  start: 7,
  keep: 8,
  identity: 9,
  more: 10,
  ready: 32,
  loaded: 33,
  result: 34,
  failed: 35,
  snapshotted: 36,
  died: 37,
  refused: 38,
  hostCall: 48,
  print: 49,
  cpuLimit: 50,
} as const;

/** u32 length of the payload, u8 type, 3 zero bytes. */
export const ENGINE_HEADER_BYTES = 8;
/** A longer one is refused on both sides. */
export const MAX_FRAME_BYTES: number = 256 * 2 ** 20;

export interface EngineFrame {
  readonly type: number;
  readonly payload: Buffer;
}

/** @param parts  The payload; at most {@link MAX_FRAME_BYTES} together. */
export function encodeEngineFrame(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(ENGINE_HEADER_BYTES);
  header.writeUInt32LE(parts.reduce((sum, part) => sum + part.length, 0));
  header.writeUInt8(type, 4);
  return Buffer.concat([header, ...parts]);
}

export function encodeU64s(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * index);
  return bytes;
}

export function encodeU32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
