import type { Dirent } from 'node:fs';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../file-mode.ts';

/** File type bits of a directory entry; 0 when the host's file system does not tell. */
export function direntType(entry: Dirent<Buffer>): number {
  if (entry.isFile()) return S_IFREG;
  if (entry.isDirectory()) return S_IFDIR;
  if (entry.isSymbolicLink()) return S_IFLNK;
  if (entry.isFIFO()) return S_IFIFO;
  if (entry.isSocket()) return S_IFSOCK;
  if (entry.isCharacterDevice()) return S_IFCHR;
  return entry.isBlockDevice() ? S_IFBLK : 0;
}
