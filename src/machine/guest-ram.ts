import { readdirSync, readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { nextData, nextHole } from '../host/sparse-file.ts';

/** QEMU's name for the descriptor of a `savable` RAM. */
const MEMFD_LINK = '/memfd:memory-backend-memfd';
const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/** A name of the descriptor that holds a machine's `savable` RAM. @throws {GondolinError} MACHINE_STATE_FAILED */
function ramPath(qemuPid: number): string {
  const directory = `/proc/${qemuPid}/fd`;
  for (const name of readdirSync(directory)) {
    const path = `${directory}/${name}`;
    try {
      if (readlinkSync(path).startsWith(MEMFD_LINK)) return path;
    } catch (error) {
      // QEMU closed it meanwhile: it was another one.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new GondolinError('MACHINE_STATE_FAILED', 'The machine was not started with savable RAM');
}

/**
 * Copies the RAM of a stopped `savable` machine into a new file: sparse, without the pages that are zero, on disk when
 * the promise resolves. One MiB at a time, so that other work goes on between.
 */
export async function copyRamOut(
  qemuPid: number,
  target: string,
  memoryBytes: number,
): Promise<void> {
  const source = await open(ramPath(qemuPid), 'r');
  try {
    const file = await open(target, 'wx', 0o600);
    try {
      await file.truncate(memoryBytes);
      await copyData(source, file, memoryBytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await source.close();
  }
}

/** Copies a saved RAM file into the RAM of a `savable` machine that waits for its state. */
export async function copyRamIn(
  source: string,
  qemuPid: number,
  memoryBytes: number,
): Promise<void> {
  const file = await open(source, 'r');
  try {
    const ram = await open(ramPath(qemuPid), 'r+');
    try {
      await copyData(file, ram, memoryBytes);
    } finally {
      await ram.close();
    }
  } finally {
    await file.close();
  }
}

async function copyData(from: FileHandle, to: FileHandle, sizeBytes: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let data = nextData(from.fd, 0);
  while (data !== null && data < sizeBytes) {
    const end = Math.min(nextHole(from.fd, data), sizeBytes);
    for (let at = data; at < end; ) {
      const { bytesRead } = await from.read(buffer, 0, Math.min(CHUNK_BYTES, end - at), at);
      if (bytesRead === 0) return;
      await writeNonZero(to, buffer.subarray(0, bytesRead), at);
      at += bytesRead;
    }
    data = nextData(from.fd, end);
  }
}

async function writeAll(to: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await to.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** Writes the runs of pages that hold something; the target has holes elsewhere. */
async function writeNonZero(to: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let start = -1;
  for (let at = 0; at <= bytes.length; at += PAGE_BYTES) {
    const page = bytes.subarray(at, at + PAGE_BYTES);
    const isZero = page.length === PAGE_BYTES ? page.equals(ZERO_PAGE) : page.length === 0;
    if (!isZero && start < 0) start = at;
    if ((isZero || at + PAGE_BYTES > bytes.length) && start >= 0) {
      const end = isZero ? at : bytes.length;
      await writeAll(to, bytes.subarray(start, end), position + start);
      start = -1;
    }
  }
}
