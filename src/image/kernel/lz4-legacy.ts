import { decodeLz4Block } from '../lz4-block.ts';

/**
 * Decoder of the legacy LZ4 frame, the form the kernel's build uses (`lz4 -l`). In here and not an external
 * program, because a fresh Debian has no `lz4` command.
 * Source: lz4 project, doc/lz4_Frame_format.md "Legacy frame".
 */

const MAGIC = 0x184c2102;
const BLOCK_MAX_BYTES = 8 * 1024 * 1024;

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
    written = decodeLz4Block(block, output, written, end);
    read += lengthBytes;
  }
  return output.subarray(0, written);
}
