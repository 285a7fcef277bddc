const PERCENT = 0x25;

/** Value of a hexadecimal digit by its code, 16 for any other byte. */
const DIGITS = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit += 1) {
  const text = digit.toString(16);
  DIGITS[text.charCodeAt(0)] = digit;
  DIGITS[text.toUpperCase().charCodeAt(0)] = digit;
}

function digitAt(bytes: Buffer, at: number): number {
  return DIGITS[bytes[at] ?? 0] ?? 16;
}

/** Decodes each `%XX` once; null if there is none. One pass, whatever the bytes are. */
export function decodePercent(bytes: Buffer): Buffer | null {
  const first = bytes.indexOf(PERCENT);
  if (first < 0) return null;
  const decoded = Buffer.from(bytes);
  let length = first;
  for (let at = first; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const high = byte === PERCENT ? digitAt(bytes, at + 1) : 16;
    const low = high < 16 ? digitAt(bytes, at + 2) : 16;
    decoded[length] = low < 16 ? high * 16 + low : byte;
    length += 1;
    if (low < 16) at += 2;
  }
  return length === bytes.length ? null : decoded.subarray(0, length);
}
