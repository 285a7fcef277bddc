/**
 * Reads a number of a tar header: octal digits with spaces or NULs around them, or GNU's base 256 where the first bit is set.
 *
 * @returns null for anything else. A negative number is possible in base 256, and one above 2^53 is not exact.
 * @see POSIX.1-2018 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
 */
export function readNumber(block: Buffer, offset: number, length: number): number | null {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) return readBase256(block, offset, length);
  const text = block.toString('latin1', offset, offset + length).replace(/^[ \0]+|[ \0]+$/g, '');
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null;
}

function readBase256(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0;
  const isNegative = (first & 0x40) !== 0;
  let value = isNegative ? (first & 0x7f) - 0x80 : first & 0x7f;
  for (let index = 1; index < length; index += 1) {
    value = value * 256 + (block[offset + index] ?? 0);
  }
  return value;
}

/** The sum that a header has in its checksum field; old programs added signed bytes. */
export function hasRightChecksum(block: Buffer): boolean {
  const wanted = readNumber(block, 148, 8);
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let index = 0; index < 512; index += 1) {
    if (index >= 148 && index < 156) continue;
    const byte = block[index] ?? 0;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  return wanted === unsigned || wanted === signed;
}
