import { OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { attributesOf } from '../live/own-change.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { FuseContext, FuseReply } from './context.ts';
import { encodeAttributes, encodeReply } from './encode.ts';
import { encodeWritten } from './written-files.ts';

/** Requests that change a name of the directory that they name, and nothing that its `st_nlink` counts. */
const CHANGES = new Set<number>([
  ...[OPCODE.CREATE, OPCODE.MKNOD, OPCODE.SYMLINK, OPCODE.LINK, OPCODE.UNLINK],
]);
/** Changes in a row with which the attributes come. The next one comes without: if the guest does not ask, later ones do as well. */
const TOLD_CHANGES = 16;

/** Notes that the guest asks for a directory's attributes. */
export function noteDirectoryAsked(held: HeldNode): void {
  if (held.isNameChanged) held.toldChanges = TOLD_CHANGES;
  held.isNameChanged = false;
}

/**
 * Returns the reply to a request that may have changed a name. If the guest asked for the attributes of that directory after an earlier change, they go
 * before it, for the agent to reply with: Linux drops them with each changed name, and `npm`, `make` and `tar` look at the directory
 * between two files.
 */
export async function tellDirectory(
  { ids, view, opensDirectories }: FuseContext,
  { opcode, nodeId, unique }: FuseRequest,
  reply: FuseReply,
): Promise<FuseReply> {
  if (!CHANGES.has(opcode) || !Buffer.isBuffer(reply)) return reply;
  const directory = ids.find(nodeId);
  if (directory === null) return reply;
  directory.isNameChanged = true;
  // A hook sees each request.
  if (directory.toldChanges === 0 || opensDirectories) return reply;
  directory.toldChanges -= 1;
  const attributes = await attributesOf(directory);
  const ttlMs = attributes === null ? null : view.toldTtlMs(directory, attributes);
  if (attributes === null || ttlMs === null) return reply;
  const message = encodeWritten({ nodeId, unique }, encodeAttributes(attributes, ttlMs), null);
  return { whole: Buffer.concat([message, encodeReply(unique, 0, reply)]) };
}
