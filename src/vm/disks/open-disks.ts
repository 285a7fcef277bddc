import { type DiskImage, openDiskImage } from './disk-image.ts';
import { type DiskMount, diskBytes } from './disk-options.ts';

/** A disk of a VM: its place in the guest, and its open image. */
export interface OpenDisk {
  /** Guest path. */
  readonly target: string;
  readonly isReadonly: boolean;
  readonly image: DiskImage;
}

/**
 * Opens the disks of a VM, all or none.
 * @throws {GondolinError} VM_DISK_IN_USE, VM_DISK_UNUSABLE, HOST_TOOL_…
 */
export async function openDisks(disks: Readonly<Record<string, DiskMount>>): Promise<OpenDisk[]> {
  const opened: OpenDisk[] = [];
  try {
    for (const [target, { path, size, isReadonly = false }] of Object.entries(disks)) {
      opened.push({ target, isReadonly, image: await openDiskImage(path, diskBytes(size)) });
    }
    return opened;
  } catch (error) {
    for (const { image } of opened) image.close();
    throw error;
  }
}
