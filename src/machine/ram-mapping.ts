import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';

const PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;
/** The high bits of a pagemap entry: the page is in memory, or in swap. @see Documentation/admin-guide/mm/pagemap.rst */
const PRESENT_OR_SWAPPED = 0xc0;

/** The mapping of the guest's RAM in QEMU. */
export interface RamMapping {
  readonly pid: number;
  /** Start in QEMU's address space; below 2^47. */
  readonly address: number;
  readonly sizeBytes: number;
  /** Path that opens the mapped file or memfd, even after its name was removed. */
  readonly path: string;
}

/**
 * Finds the guest's RAM in QEMU's memory: the file of exactly that size which QEMU has open and maps as a whole.
 * @throws {GondolinError} MACHINE_STATE_FAILED when there is none.
 */
export async function findRam(pid: number, sizeBytes: number): Promise<RamMapping> {
  for (const path of openFiles(pid)) {
    const { size, ino } = statSync(path);
    if (size !== sizeBytes) continue;
    const address = mappedAt(pid, ino, sizeBytes);
    if (address !== null) return { pid, address, sizeBytes, path };
  }
  throw new GondolinError('MACHINE_STATE_FAILED', "Cannot find the guest's memory in QEMU");
}

function openFiles(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory)
    .map((name) => `${directory}/${name}`)
    .filter((path) => {
      const target = readlinkSync(path);
      return target.startsWith('/') && !target.startsWith('/dev/');
    });
}

/** Returns the address of a file that is mapped as a whole; the kernel may list one mapping as several adjacent ones. */
function mappedAt(pid: number, inode: number, sizeBytes: number): number | null {
  let start: number | null = null;
  let end = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ (\d+) /.exec(line);
    if (match === null || Number(match[4]) !== inode) continue;
    const [from, to, offset] = [match[1], match[2], match[3]].map((hex) => Number(`0x${hex}`));
    if (from === undefined || to === undefined) continue;
    if (start === null ? offset === 0 : from === end) {
      start ??= from;
      end = to;
    }
  }
  return start !== null && end - start === sizeBytes ? start : null;
}

/** Returns a test for a range of the RAM, in bytes: true if QEMU has written or read a page in it. */
export async function touchedPages({
  pid,
  address,
  sizeBytes,
}: RamMapping): Promise<(offset: number, length: number) => boolean> {
  const entries = Buffer.alloc((sizeBytes / PAGE_BYTES) * ENTRY_BYTES);
  const file = await open(`/proc/${pid}/pagemap`, 'r');
  try {
    const position = (address / PAGE_BYTES) * ENTRY_BYTES;
    for (let at = 0; at < entries.length; ) {
      const { bytesRead } = await file.read(entries, at, entries.length - at, position + at);
      if (bytesRead === 0)
        throw new GondolinError(
          'MACHINE_STATE_FAILED',
          'QEMU ended while its memory was being read',
        );
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return (offset, length) => {
    const end = ((offset + length) / PAGE_BYTES) * ENTRY_BYTES;
    for (let at = (offset / PAGE_BYTES) * ENTRY_BYTES; at < end; at += ENTRY_BYTES) {
      if (((entries[at + ENTRY_BYTES - 1] ?? 0) & PRESENT_OR_SWAPPED) !== 0) return true;
    }
    return false;
  };
}
