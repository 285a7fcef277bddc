/**
 * Decoder of the legacy LZ4 frame, the form the kernel's build uses (`lz4 -l`). In here and not an external
 * program, because a fresh Debian has no `lz4` command.
 * Source: lz4 project, doc/lz4_Frame_format.md "Legacy frame" and doc/lz4_Block_format.md.
 */

const MAGIC = 0x184c2102;
const BLOCK_MAX_BYTES = 8 * 1024 * 1024;
const MIN_MATCH = 4;

/**
 * Unpacks a legacy frame.
 *
 * @param limitBytes  Most bytes the result may have.
 * @throws {RangeError} when the data is damaged, cut off or larger than the limit.
 */
export function decodeLz4Legacy(frame: Buffer, limitBytes: number): Buffer {
  if (frame.length < 4 || frame.readUInt32LE(0) !== MAGIC)
    throw new RangeError('no legacy LZ4 frame');
  const output = Buffer.allocUnsafe(limitBytes);
  let read = 4;
  let written = 0;
  while (read < frame.length) {
    if (read + 4 > frame.length) throw new RangeError('an LZ4 block header is cut off');
    const lengthBytes = frame.readUInt32LE(read);
    read += 4;
    // Frames may be concatenated: the magic may appear in place of a block length.
    if (lengthBytes === MAGIC) continue;
    if (read + lengthBytes > frame.length) throw new RangeError('an LZ4 block is cut off');
    const block = frame.subarray(read, read + lengthBytes);
    const end = Math.min(limitBytes, written + BLOCK_MAX_BYTES);
    written = decodeBlock(block, output, written, end);
    read += lengthBytes;
  }
  return output.subarray(0, written);
}

/** Unpacks one block into `output` at `start`; returns the end. Matches reach back to `start` at most. */
function decodeBlock(block: Buffer, output: Buffer, start: number, end: number): number {
  let read = 0;
  let written = start;

  function next(): number {
    const byte = block[read];
    if (byte === undefined) throw new RangeError('an LZ4 sequence is cut off');
    read += 1;
    return byte;
  }

  function extend(length: number): number {
    if (length !== 15) return length;
    let total = length;
    for (;;) {
      const byte = next();
      total += byte;
      if (byte !== 255) return total;
    }
  }

  while (read < block.length) {
    const token = next();
    const literals = extend(token >> 4);
    if (read + literals > block.length || written + literals > end) {
      throw new RangeError('LZ4 literals go beyond the block');
    }
    block.copy(output, written, read, read + literals);
    read += literals;
    written += literals;
    // The last sequence has literals only.
    if (read === block.length) return written;
    const offset = next() | (next() << 8);
    const length = extend(token & 15) + MIN_MATCH;
    if (offset === 0 || written - offset < start || written + length > end) {
      throw new RangeError('an LZ4 match goes beyond the block');
    }
    copyMatch(output, written, offset, length);
    written += length;
  }
  throw new RangeError('an LZ4 block ends without literals');
}

function copyMatch(output: Buffer, at: number, offset: number, length: number): void {
  if (offset >= length) {
    output.copyWithin(at, at - offset, at - offset + length);
    return;
  }
  // Source and target overlap: the bytes just written repeat.
  for (let index = at; index < at + length; index += 1) output[index] = output[index - offset] ?? 0;
}
