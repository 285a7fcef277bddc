import type { DiskMount } from './disk-options.ts';
import type { OpenDisk } from './open-disks.ts';

export type { OpenDisk };

/** Opens the disks of a VM's options. Loads their code only when there are some. @throws {GondolinError} as `openDisks` */
export async function openDisksOf({
  vfs,
}: {
  readonly vfs?: { readonly disks?: Readonly<Record<string, DiskMount>> };
}): Promise<readonly OpenDisk[]> {
  const disks = vfs?.disks ?? {};
  if (Object.keys(disks).length === 0) return [];
  const { openDisks } = await import('./open-disks.ts');
  return openDisks(disks);
}
