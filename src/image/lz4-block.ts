const MIN_MATCH = 4;

/**
 * Unpacks one LZ4 block into `output` at `start`, `end` at most. Matches reach back to `start` at most.
 * Source: lz4 project, doc/lz4_Block_format.md.
 *
 * @returns the end of what was written.
 * @throws {RangeError} when the data is damaged, cut off or longer than the room.
 */
export function decodeLz4Block(block: Buffer, output: Buffer, start: number, end: number): number {
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
