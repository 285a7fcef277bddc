import { FILES_ATTRIBUTES_BYTES } from '../constants.ts';
import type { FieldReader } from '../field-reader.ts';

/** Attributes of one file in the guest. Untrusted, but each number is in its range. */
export interface FileAttributes {
  /** Type and permission bits, as in `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** 0..Number.MAX_SAFE_INTEGER, in bytes. */
  readonly size: number;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly rdev: bigint;
  /** In units of 512 bytes. */
  readonly blocks: bigint;
  readonly blockBytes: number;
  /** Nanoseconds since 1970; negative before. */
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** Reads the attributes of one file. @throws {GondolinError} GUEST_PROTOCOL for a size that no file has. */
export function readAttributes(reader: FieldReader): FileAttributes {
  return {
    mode: reader.u32(),
    uid: reader.u32(),
    gid: reader.u32(),
    nlink: reader.u32(),
    size: safeNumber(reader, 'the size of a file'),
    ino: reader.u64(),
    dev: reader.u64(),
    rdev: reader.u64(),
    blocks: reader.u64(),
    blockBytes: safeNumber(reader, 'the block size of a file'),
    atimeNs: reader.i64(),
    mtimeNs: reader.i64(),
    ctimeNs: reader.i64(),
  };
}

function safeNumber(reader: FieldReader, rule: string): number {
  const value = reader.u64();
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw reader.broken(rule);
  return Number(value);
}

/** Returns the bytes of the attributes. Used by the tests' fake guest. */
export function encodeFileAttributes(attributes: FileAttributes): Buffer {
  const bytes = Buffer.alloc(FILES_ATTRIBUTES_BYTES);
  const { mode, uid, gid, nlink } = attributes;
  let at = 0;
  for (const value of [mode, uid, gid, nlink]) at = bytes.writeUInt32LE(value, at);
  const { size, ino, dev, rdev, blocks, blockBytes } = attributes;
  for (const value of [BigInt(size), ino, dev, rdev, blocks, BigInt(blockBytes)])
    at = bytes.writeBigUInt64LE(value, at);
  for (const value of [attributes.atimeNs, attributes.mtimeNs, attributes.ctimeNs])
    at = bytes.writeBigInt64LE(value, at);
  return bytes;
}
