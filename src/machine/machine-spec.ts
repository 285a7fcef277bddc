import { GondolinError } from '../errors/gondolin-error.ts';
import type { GuestArch } from '../host/tools.ts';

/** One virtual machine. Paths are absolute, sizes in bytes. */
export interface MachineSpec {
  /** Processor of the guest. @default x86_64 */
  readonly arch?: GuestArch;
  /** Uncompressed kernel (ELF with a PVH entry); a bzImage boots too, more slowly. For aarch64 an Image. */
  readonly vmlinuxPath: string;
  readonly initramfsPath: string;
  /** Read-only raw image, /dev/vda in the guest; null attaches no disk. Machines may share it. */
  readonly rootfsPath: string | null;
  /** 1..MAX_CPUS. */
  readonly cpus: number;
  /** Size of the guest's RAM; a whole number of MiB, at least MIN_MEMORY_BYTES. */
  readonly memoryBytes: number;
  /** Words added to the kernel command line; without spaces. */
  readonly kernelArguments?: readonly string[];
  /** Source of the guest's RAM. @default {kind: 'fresh'} */
  readonly ram?: GuestRam;
  /** Further disks, /dev/vdb and on in the guest, with the serial numbers `disk0`, `disk1`, … At most MAX_DISKS. @default none */
  readonly disks?: readonly MachineDisk[];
  /**
   * Takes what the guest writes to its root, with the serial number `root`. It is made for the machine, saved with it, and
   * ends with it. @default none
   */
  readonly rootDisk?: MachineDisk;
  /** Further read-only raw images, with the serial numbers `image0`, `image1`, … Machines may share them. At most MAX_DISKS together with the disks. @default none */
  readonly images?: readonly string[];
  /** Gives it the disk by which its file server sends the data of large reads. @default false */
  readonly hasReplyDisk?: boolean;
}

/** A writable raw disk image, which QEMU gets as an open file (`StartMachineOptions.diskFds`). */
export interface MachineDisk {
  /** A whole number of sectors of 512 bytes; the file is at least as large. */
  readonly sizeBytes: number;
}

/**
 * `fresh`: zero pages. `clone`: pages of the file at `path`, copied when the guest writes them; the file has exactly the size
 * of the RAM and must not change while machines run on it.
 */
export type GuestRam =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'clone'; readonly path: string };

export const MIB = 1024 * 1024;
/** The kernel, its page tables and the agent need this much; with less the guest panics silently. */
export const MIN_MEMORY_BYTES: number = 96 * MIB;
/** 1 TiB: the physical addresses of QEMU's default processor models. */
export const MAX_MEMORY_BYTES: number = 1024 * 1024 * MIB;
/** As many as the agent mounts (guest/src/file/disk.c). */
export const MAX_DISKS = 16;
const SECTOR_BYTES = 512;
/** With more, q35 needs an interrupt remapper. */
export const MAX_CPUS = 255;

/** @throws {GondolinError} MACHINE_SPEC_INVALID for sizes or words that QEMU or the kernel would misread. */
export function checkMachineSpec(spec: MachineSpec): void {
  const { cpus, memoryBytes } = spec;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS) {
    throw invalid(`cpus must be a whole number from 1 to ${MAX_CPUS}, got ${cpus}`);
  }
  if (!Number.isInteger(memoryBytes / MIB)) {
    throw invalid(`memory must be a whole number of MiB, got ${memoryBytes} bytes`);
  }
  if (memoryBytes < MIN_MEMORY_BYTES || memoryBytes > MAX_MEMORY_BYTES) {
    const range = `${MIN_MEMORY_BYTES / MIB} to ${MAX_MEMORY_BYTES / MIB} MiB`;
    throw invalid(`memory must be ${range}, got ${memoryBytes / MIB} MiB`);
  }
  checkDisks(spec);
  const ramPath = spec.ram?.kind === 'clone' ? spec.ram.path : null;
  for (const path of [
    spec.vmlinuxPath,
    spec.initramfsPath,
    spec.rootfsPath,
    ramPath,
    ...(spec.images ?? []),
  ]) {
    if (path !== null && !path.startsWith('/')) throw invalid(`path "${path}" is not absolute`);
  }
  for (const word of spec.kernelArguments ?? []) {
    if (!/^[\x21-\x7e]+$/.test(word)) throw invalid(`kernel argument "${word}" is not one word`);
  }
}

function checkDisks({ disks = [], rootDisk, images = [] }: MachineSpec): void {
  const count = disks.length + images.length;
  if (count > MAX_DISKS) throw invalid(`at most ${MAX_DISKS} disks and images, got ${count}`);
  for (const { sizeBytes } of [...disks, ...(rootDisk === undefined ? [] : [rootDisk])]) {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % SECTOR_BYTES !== 0) {
      throw invalid(`a disk must be a whole number of sectors, got ${sizeBytes} bytes`);
    }
  }
}

function invalid(message: string): GondolinError {
  return new GondolinError('MACHINE_SPEC_INVALID', message);
}
