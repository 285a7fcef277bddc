import { PERMISSION_BITS, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_IXGRP } from '../file-mode.ts';
import type { HeldNode } from '../nodes/node-table.ts';

/**
 * Clears the set-id bits of a file that is about to be written or to get another owner, as Linux does. The guest's kernel leaves
 * it to us (HANDLE_KILLPRIV_V2), and says when the caller may not keep them.
 */
export async function clearSetId({ mount: { provider }, node }: HeldNode): Promise<void> {
  const { mode } = await provider.attributes(node);
  if ((mode & S_IFMT) !== S_IFREG) return;
  // Without the group's right to execute, set-group-id once meant mandatory locks.
  const groupBit = (mode & S_IXGRP) === 0 ? 0 : S_ISGID;
  const kept = mode & PERMISSION_BITS & ~(S_ISUID | groupBit);
  if (kept !== (mode & PERMISSION_BITS)) await provider.setAttributes(node, { mode: kept }, null);
}
