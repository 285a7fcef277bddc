import { read, readSync, write, writeSync } from 'node:fs';

/** From this size on a thread of the pool is worth its 50 µs; below it the page cache is faster. */
const ASYNC_BYTES = 256 * 1024;

/** Reads until `target` is full or the file ends. */
export function readFully(fd: number, target: Buffer, offset: number): number | Promise<number> {
  if (target.length >= ASYNC_BYTES) return readAsync(fd, target, offset);
  let done = 0;
  while (done < target.length) {
    const bytes = readSync(fd, target, done, target.length - done, offset + done);
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

async function readAsync(fd: number, target: Buffer, offset: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const bytes = await new Promise<number>((resolve, reject) => {
      read(fd, target, done, target.length - done, offset + done, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

/** Writes all of `data`; with O_APPEND the kernel appends it and ignores `offset`. */
export function writeFully(fd: number, data: Buffer, offset: number): void | Promise<void> {
  if (data.length >= ASYNC_BYTES) return writeAsync(fd, data, offset);
  let done = 0;
  while (done < data.length) {
    done += writeSync(fd, data, done, data.length - done, offset + done);
  }
}

async function writeAsync(fd: number, data: Buffer, offset: number): Promise<void> {
  let done = 0;
  while (done < data.length) {
    done += await new Promise<number>((resolve, reject) => {
      write(fd, data, done, data.length - done, offset + done, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  }
}
