import { SystemError, seek } from './libc.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;

/** Offset of the first data at or after `offset`; null when there is none. Also for memfds. @see lseek(2) */
export function nextData(fd: number, offset: number): number | null {
  try {
    return seek(fd, offset, SEEK_DATA);
  } catch (error) {
    if (error instanceof SystemError && error.errno === ENXIO) return null;
    throw error;
  }
}

/** Offset of the first hole at or after `offset`; the end of the file counts as one. */
export function nextHole(fd: number, offset: number): number {
  return seek(fd, offset, SEEK_HOLE);
}
