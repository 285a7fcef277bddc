import { statfsSync } from 'node:fs';

/** Types of statfs(2) of file systems that only this host's kernel changes, so that inotify sees every change. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  // ext2 to ext4, XFS, Btrfs, F2FS, ZFS, bcachefs
  ...[0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e],
  // tmpfs, ramfs, overlayfs, squashfs, ReiserFS, JFS
  ...[0x0102_1994, 0x8584_58f6, 0x794c_7630, 0x7371_7368, 0x5265_4973, 0x3153_464a],
  // FAT, exFAT, NTFS
  ...[0x4d44, 0x2011_bab0, 0x7366_746e],
]);

/** True when only this host changes the file system of a path. @throws {SystemError} of statfs(2) */
export function isLocalFileSystem(path: string): boolean {
  return LOCAL_TYPES.has(statfsSync(path).type);
}
