import { chmodSync, fstatSync, openSync, read, readSync, write, writeSync } from 'node:fs';
import { descriptorPath } from '../../host/libc.ts';
import {
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_TRUNC,
  PERMISSION_BITS,
  S_IFMT,
  S_IFREG,
} from '../file-mode.ts';
import { VfsError } from '../vfs-error.ts';
import type { RealNode } from './real-node.ts';

const O_NONBLOCK = 0o4000;
const O_NOCTTY = 0o400;
/** From this size a thread of the pool is worth its 50 µs; below, the page cache answers sooner. */
const ASYNC_BYTES = 256 * 1024;

/** An open regular file of the host. */
export interface RealHandle {
  readonly fd: number;
  readonly node: RealNode;
  /** Of open(2), as the guest gave them. */
  readonly flags: number;
}

/**
 * Opens the regular file that `pathFd` (O_PATH) stands for. Devices, FIFOs and sockets of the host are never opened.
 * The guest's kernel has checked permissions: a file that lacks its owner's right (git's 0444 objects, opened by guest
 * root) gets it for the moment of the open.
 * @throws {VfsError} EACCES when it is not a regular file.
 */
export function openRegular(pathFd: number, flags: number): number {
  const stat = fstatSync(pathFd);
  if ((stat.mode & S_IFMT) !== S_IFREG) throw new VfsError('EACCES');
  const kept = flags & (O_ACCMODE | O_APPEND | O_TRUNC);
  const open = () => openSync(descriptorPath(pathFd), kept | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  try {
    return open();
  } catch (error) {
    const isDenied = (error as NodeJS.ErrnoException).code === 'EACCES';
    if (!isDenied || stat.uid !== process.geteuid?.()) throw error;
    const permissions = stat.mode & PERMISSION_BITS;
    chmodSync(descriptorPath(pathFd), permissions | 0o600);
    try {
      return open();
    } finally {
      chmodSync(descriptorPath(pathFd), permissions);
    }
  }
}

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

/** Writes all of `data`; with O_APPEND the kernel puts it at the end, whatever `offset` says. */
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
