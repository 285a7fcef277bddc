import { squashfsInvalid } from './squashfs-error.ts';

export type SquashfsCompression = 'gzip' | 'lz4' | 'zstd';

/** The start of a squashfs: where its tables are. Positions are in bytes from its start, and inside it. */
export interface Superblock {
  /** Bytes of a block of content: 4 KiB to 1 MiB. */
  readonly blockBytes: number;
  readonly fragmentCount: number;
  readonly idCount: number;
  readonly compression: SquashfsCompression;
  readonly rootInode: bigint;
  readonly bytesUsed: number;
  readonly idTable: number;
  /** Null for a file system without extended attributes. */
  readonly attributeTable: number | null;
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly fragmentTable: number;
}

export const SUPERBLOCK_BYTES = 96;
const MAGIC = 0x73717368;
const NONE = 0xffffffffffffffffn;
const COMPRESSIONS = ['', 'gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'] as const;
const READABLE: readonly string[] = ['gzip', 'lz4', 'zstd'];

/**
 * Reads a superblock. Untrusted.
 * @throws {GondolinError} IMAGE_INVALID.
 * @see Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h of Linux
 */
export function parseSuperblock(bytes: Buffer, fileBytes: number): Superblock {
  if (bytes.length < SUPERBLOCK_BYTES || bytes.readUInt32LE(0) !== MAGIC) {
    throw squashfsInvalid('it is not a squashfs');
  }
  if (bytes.readUInt16LE(28) !== 4 || bytes.readUInt16LE(30) !== 0) {
    throw squashfsInvalid('its version is not 4.0');
  }
  const blockBytes = bytes.readUInt32LE(12);
  const blockLog = bytes.readUInt16LE(22);
  if (blockLog < 12 || blockLog > 20 || blockBytes !== 2 ** blockLog) {
    throw squashfsInvalid(`its blocks have ${blockBytes} bytes`);
  }
  const name = COMPRESSIONS[bytes.readUInt16LE(20)] ?? '';
  if (!READABLE.includes(name)) {
    throw squashfsInvalid(
      `it is compressed with ${name || 'something unknown'}, want lz4, gzip or zstd`,
    );
  }
  const position = (offset: number) => checkPosition(bytes.readBigUInt64LE(offset), fileBytes);
  const attributes = bytes.readBigUInt64LE(56);
  return {
    blockBytes,
    fragmentCount: bytes.readUInt32LE(16),
    idCount: bytes.readUInt16LE(26),
    compression: name as SquashfsCompression,
    rootInode: bytes.readBigUInt64LE(32),
    bytesUsed: position(40),
    idTable: position(48),
    attributeTable: attributes === NONE ? null : checkPosition(attributes, fileBytes),
    inodeTable: position(64),
    directoryTable: position(72),
    // A file system without fragments need not have the table.
    fragmentTable: bytes.readUInt32LE(16) === 0 ? 0 : position(80),
  };
}

export function checkPosition(position: bigint, fileBytes: number): number {
  if (position <= BigInt(fileBytes)) return Number(position);
  throw squashfsInvalid('a position in it is after its end');
}
