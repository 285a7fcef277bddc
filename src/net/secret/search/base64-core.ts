/** The part of a longer base64 text that encodes some bytes and nothing else. */
export interface Base64Core {
  /** The digits that encode only bits of the bytes; standard alphabet. */
  readonly text: string;
  /** Bits of the digit before `text` that belong to the bytes: its low ones. 0, 2 or 4. */
  readonly leftBits: 0 | 2 | 4;
  /** Bits of the digit after `text` that belong to the bytes: its high ones. 0, 2 or 4. */
  readonly rightBits: 0 | 2 | 4;
}

/**
 * Returns the base64 of `bytes` after `offset` other bytes (modulo 3).
 * @param offset  0, 1 or 2.
 */
export function base64Core(bytes: Uint8Array, offset: 0 | 1 | 2): Base64Core {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
  const text = shifted.toString('base64');
  // Bits 8*offset … 8*(offset+length) of six each; an incomplete digit belongs to the neighbour too.
  const start = Math.ceil((8 * offset) / 6);
  const end = Math.floor((8 * shifted.length) / 6);
  return {
    text: text.slice(start, end),
    leftBits: ([0, 4, 2] as const)[offset],
    rightBits: ([0, 2, 4] as const)[shifted.length % 3] ?? 0,
  };
}

export const BASE64_OFFSETS = [0, 1, 2] as const;
