import { withGroup } from '../acl/node-acls.ts';
import { PERMISSION_BITS, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_IXGRP } from '../file-mode.ts';
import type { HeldNode } from '../nodes/node-table.ts';

/**
 * Clears the set-id bits of a file that is about to be written or to get another owner, as Linux does. The guest's kernel leaves
 * it to us (HANDLE_KILLPRIV_V2), and says when the caller may not keep them.
 */
export async function clearSetId(held: HeldNode): Promise<void> {
  const { node } = held;
  const { provider } = held.mount;
  const { mode } = await provider.attributes(node);
  if ((mode & S_IFMT) !== S_IFREG) return;
  // Without the group's right to execute, set-group-id once meant mandatory locks.
  const groupBit = (mode & S_IXGRP) === 0 ? 0 : S_ISGID;
  const kept = mode & PERMISSION_BITS & ~(S_ISUID | groupBit);
  if (kept !== (mode & PERMISSION_BITS)) {
    await provider.setAttributes(node, await withGroup(held, { mode: kept }), null);
  }
}
