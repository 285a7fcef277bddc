import { writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { nextData, nextHole } from '../host/sparse-file.ts';
import { findRam, type RamMapping, touchedPages } from './ram-mapping.ts';
import type { Machine } from './start-machine.ts';

const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
/**
 * The kernel keeps what one write wrote in one piece, and maps all of that where a machine touches a page of it (from Linux 6.18): the RAM
 * of a function's machine that is mapped would be twice as large.
 */
const PIECE_BYTES = 64 * 1024;
/** Mode of a saved RAM that QEMUs with their own ids open: the file has their group. */
export const SHARED_RAM_MODE = 0o660;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/**
 * Copies the RAM of a stopped machine into a new file: sparse, without zero pages, on disk when the promise resolves. Copies
 * one MiB at a time, so that other work runs in between.
 * @throws {GondolinError} MACHINE_STATE_FAILED when QEMU's memory cannot be read.
 */
export async function copyRamOut(machine: Machine, target: string): Promise<void> {
  const mapping = await findRam(machine.pid, machine.spec.memoryBytes);
  const memory = await openMemory(machine.pid);
  try {
    const file = await open(target, 'wx', 0o600);
    try {
      await file.truncate(mapping.sizeBytes);
      await copyChunks(mapping, memory, file);
      const { ids } = machine.confinement;
      if (ids !== null) {
        await file.chown(process.getuid?.() ?? 0, ids.group);
        await file.chmod(SHARED_RAM_MODE);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await memory.close();
  }
}

/** Opens QEMU's memory, which its parent may read unless the host allows no tracing at all (yama ptrace_scope above 1). */
async function openMemory(pid: number): Promise<FileHandle> {
  try {
    return await open(`/proc/${pid}/mem`, 'r');
  } catch (cause) {
    const text = 'Cannot read the memory of QEMU: check kernel.yama.ptrace_scope (see proc(5))';
    throw new GondolinError('MACHINE_STATE_FAILED', text, { cause });
  }
}

async function copyChunks(mapping: RamMapping, memory: FileHandle, to: FileHandle): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const backing = await open(mapping.path, 'r');
  try {
    const touched = await touchedPages(mapping);
    for (let at = 0; at < mapping.sizeBytes; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, mapping.sizeBytes - at);
      if (!touched(at, length) && !hasData(backing.fd, at, length)) continue;
      const chunk = buffer.subarray(0, length);
      await readAll(memory, chunk, mapping.address + at);
      writeNonZero(to, chunk, at);
    }
  } finally {
    await backing.close();
  }
}

function hasData(fd: number, offset: number, length: number): boolean {
  const data = nextData(fd, offset);
  return data !== null && data < offset + length && nextHole(fd, data) > data;
}

async function readAll(from: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let at = 0; at < buffer.length; ) {
    const { bytesRead } = await from.read(buffer, at, buffer.length - at, position + at);
    if (bytesRead === 0)
      throw new GondolinError('MACHINE_STATE_FAILED', 'QEMU ended while its memory was being read');
    at += bytesRead;
  }
}

function writeAll(to: FileHandle, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(to.fd, bytes, at, Math.min(PIECE_BYTES, bytes.length - at), position + at);
  }
}

/** Writes the runs of pages that are not zero; the target has holes elsewhere. */
function writeNonZero(to: FileHandle, bytes: Buffer, position: number): void {
  let start = -1;
  for (let at = 0; at <= bytes.length; at += PAGE_BYTES) {
    const isData = at < bytes.length && !bytes.subarray(at, at + PAGE_BYTES).equals(ZERO_PAGE);
    if (isData && start < 0) start = at;
    if (!isData && start >= 0) {
      writeAll(to, bytes.subarray(start, at), position + start);
      start = -1;
    }
  }
}
