import type { DirectoryEntry } from '../provider.ts';

/** Distance from the file type bits of st_mode to the DT_* values of readdir(3). */
const TYPE_SHIFT = 12;

/** A directory entry with the inode number that the guest sees. */
export interface ListedEntry extends DirectoryEntry {
  readonly ino: bigint;
}

/** Returns the length of one struct fuse_dirent with its name, padded to 8 bytes. */
export function direntBytes(name: string): number {
  return (24 + name.length + 7) & ~7;
}

/** Writes a struct fuse_dirent at `offset`. Its `next` is the offset that the kernel asks for after this entry. */
export function writeDirent(
  target: Buffer,
  offset: number,
  entry: {
    readonly ino: bigint;
    readonly next: number;
    readonly name: string;
    readonly type: number;
  },
): void {
  target.writeBigUInt64LE(entry.ino, offset);
  target.writeBigUInt64LE(BigInt(entry.next), offset + 8);
  target.writeUInt32LE(entry.name.length, offset + 16);
  target.writeUInt32LE(entry.type >>> TYPE_SHIFT, offset + 20);
  target.write(entry.name, offset + 24, 'latin1');
}

/** Replaces the offset that the kernel asks for after the entry at `offset`. */
export function writePosition(target: Buffer, offset: number, next: number): void {
  target.writeBigUInt64LE(BigInt(next), offset + 8);
}

/** Reads an entry that {@link writeDirent} wrote. */
export function readDirent(dirent: Buffer): ListedEntry {
  const length = dirent.readUInt32LE(16);
  return {
    name: dirent.toString('latin1', 24, 24 + length),
    type: dirent.readUInt32LE(20) << TYPE_SHIFT,
    ino: dirent.readBigUInt64LE(0),
  };
}
