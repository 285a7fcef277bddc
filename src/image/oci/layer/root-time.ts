import { type FileHandle, open } from 'node:fs/promises';
import { GondolinError } from '../../../errors/gondolin-error.ts';

/** The fields of `struct squashfs_super_block` that are read. @see linux/fs/squashfs/squashfs_fs.h */
const SUPERBLOCK = { bytes: 96, magic: 0x73717368, rootInode: 32, inodeTable: 64 } as const;
/** Before each block of metadata is its length; this bit says that it is not compressed. */
const HEADER_BYTES = 2;
const IS_UNCOMPRESSED = 0x8000;
const METADATA_BYTES = 8192;
/** `mtime` of an inode: after its type, mode and two numbers of owners, 16 bits each. */
const MTIME_OFFSET = 8;

/**
 * Sets the time of the root directory in a squashfs whose inodes are not compressed (`-noI`). sqfstar 4.5 takes `-root-time` and
 * writes the time at which it ran: equal layers would give other bytes each time.
 *
 * @param mtime  Seconds since 1970.
 * @throws {GondolinError} IMAGE_BUILD_FAILED when the file has another form.
 */
export async function setRootTime(path: string, mtime: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(mtime);
    const { block, offset } = await findRootInode(file, path);
    for (const [index, byte] of bytes.entries()) {
      const place = await placeOf(file, path, block, offset + MTIME_OFFSET + index);
      await file.write(Buffer.from([byte]), 0, 1, place);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The block of metadata in which the inode of the root begins, and its place in the content of that block. */
async function findRootInode(file: FileHandle, path: string) {
  const superblock = await readBytes(file, 0, SUPERBLOCK.bytes);
  if (superblock.readUInt32LE(0) !== SUPERBLOCK.magic) throw unknownForm(path);
  const root = superblock.readBigUInt64LE(SUPERBLOCK.rootInode);
  const table = superblock.readBigUInt64LE(SUPERBLOCK.inodeTable);
  return { block: Number(table + (root >> 16n)), offset: Number(root & 0xffffn) };
}

/** The place in the file of a byte of metadata: an inode may continue in the next block. */
async function placeOf(
  file: FileHandle,
  path: string,
  block: number,
  offset: number,
): Promise<number> {
  const header = (await readBytes(file, block, HEADER_BYTES)).readUInt16LE(0);
  if ((header & IS_UNCOMPRESSED) === 0) throw unknownForm(path);
  if (offset < METADATA_BYTES) return block + HEADER_BYTES + offset;
  const next = block + HEADER_BYTES + METADATA_BYTES;
  return placeOf(file, path, next, offset - METADATA_BYTES);
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return bytesRead === length ? buffer : Buffer.alloc(length);
}

function unknownForm(path: string): GondolinError {
  return new GondolinError(
    'IMAGE_BUILD_FAILED',
    `Cannot build the image: sqfstar wrote ${path} in an unknown form`,
  );
}
