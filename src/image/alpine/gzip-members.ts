import { inflateRawSync } from 'node:zlib';

/** One gzip stream of several that follow each other. */
export interface GzipMember {
  /** Where it begins and ends in the file. */
  readonly start: number;
  readonly end: number;
  readonly content: Buffer;
}

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const FLAGS = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10 } as const;

/**
 * Decompresses the gzip stream that starts at `start`, and finds where it ends: node:zlib reads streams that follow each
 * other as one, and signatures cover them one by one.
 *
 * @param maxBytes  Of its content.
 * @throws {RangeError} when it is damaged or too long. @see RFC 1952
 */
export function readGzipMember(file: Buffer, start: number, maxBytes: number): GzipMember {
  const body = headerEnd(file, start);
  const { buffer, engine } = inflate(file.subarray(body), maxBytes);
  const end = body + engine.bytesWritten + TRAILER_BYTES;
  if (end > file.length) throw new RangeError('a gzip stream ends too early');
  if (file.readUInt32LE(end - 4) !== buffer.length % 2 ** 32) {
    throw new RangeError('a gzip stream has another length than it says');
  }
  return { start, end, content: buffer };
}

/** With `info`, which the types of Node leave out, zlib says how much of its input it has read. */
function inflate(input: Buffer, maxBytes: number) {
  const options = { maxOutputLength: maxBytes, info: true };
  try {
    return inflateRawSync(input, options) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
  } catch (cause) {
    throw new RangeError('a gzip stream is damaged or too long', { cause });
  }
}

function headerEnd(file: Buffer, start: number): number {
  const isGzip = file[start] === 0x1f && file[start + 1] === 0x8b && file[start + 2] === 8;
  if (!isGzip || start + HEADER_BYTES > file.length) throw new RangeError('it is not gzip');
  const flags = file[start + 3] ?? 0;
  let at = start + HEADER_BYTES;
  if ((flags & FLAGS.extra) !== 0) {
    if (at + 2 > file.length) throw new RangeError('a gzip header ends too early');
    at += 2 + file.readUInt16LE(at);
  }
  for (const flag of [FLAGS.name, FLAGS.comment]) {
    if ((flags & flag) === 0) continue;
    const end = file.indexOf(0, at);
    if (end < 0) throw new RangeError('a gzip header has no end');
    at = end + 1;
  }
  if ((flags & FLAGS.headerCrc) !== 0) at += 2;
  if (at > file.length) throw new RangeError('a gzip header ends too early');
  return at;
}
