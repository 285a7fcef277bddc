import { FOPEN } from '../../protocol/fuse/fuse-abi.ts';
import type { LiveFiles } from '../live/live-files.ts';
import { type HeldNode, withUniqueIno } from '../nodes/node-table.ts';
import { isSettled } from '../settled.ts';

/**
 * Returns the flags of an open's reply. The guest's kernel drops cached data when size or modification time changed. The
 * host can write data that keeps both (`rsync --inplace -t`, `touch -r`, two writes in one tick of the clock), but
 * not the change time. The guest's own writes count as changes too.
 *
 * Call with the file open: data read later is at least as new as the change time recorded here.
 */
export async function openFlags(live: LiveFiles, held: HeldNode): Promise<number> {
  const attributes = await held.mount.provider.attributes(held.node);
  const { ctimeNs } = attributes;
  // A shared mapping of the host's changes a file without any event.
  if (held.told !== null) await live.compare(held, false, withUniqueIno(held.mount, attributes));
  const isSame = held.openedCtimeNs === ctimeNs;
  held.openedCtimeNs = isSettled(ctimeNs) ? ctimeNs : null;
  return isSame ? FOPEN.KEEP_CACHE | FOPEN.NOFLUSH : FOPEN.NOFLUSH;
}

/** {@link openFlags} of a file that CREATE opens: its change time is too young to be known by, so nobody reads it. */
export function newFileFlags(held: HeldNode): number {
  held.openedCtimeNs = null;
  return FOPEN.NOFLUSH;
}
