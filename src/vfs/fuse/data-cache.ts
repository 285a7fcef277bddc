import type { HeldNode } from '../nodes/node-table.ts';
import { isSettled } from '../settled.ts';

/** Of struct fuse_open_out: data that the guest has in its page cache stays valid. */
const FOPEN_KEEP_CACHE = 2;

/**
 * Flags of an open's reply. The guest's kernel drops cached data when size or modification time changed; the host can
 * write data that leaves both as they were (`rsync --inplace -t`, `touch -r`, two writes in one tick of the clock), but
 * not the change time. The guest's own writes count as changes too.
 *
 * To be called with the file open: what is read later is as new as the change time that is kept here.
 */
export async function openFlags(held: HeldNode): Promise<number> {
  const { ctimeNs } = await held.mount.provider.attributes(held.node);
  const isSame = held.openedCtimeNs === ctimeNs;
  held.openedCtimeNs = isSettled(ctimeNs) ? ctimeNs : null;
  return isSame ? FOPEN_KEEP_CACHE : 0;
}
