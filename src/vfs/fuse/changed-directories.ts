import { OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { attributesOf } from '../live/own-change.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import { after, type FuseContext, type FuseOperation, type FuseOperations } from './context.ts';
import { encodeAttributes } from './encode.ts';
import { encodeWritten } from './written-files.ts';

/** Requests that change a name of the directory that they name, and nothing that its `st_nlink` counts. */
const CHANGES = [OPCODE.CREATE, OPCODE.MKNOD, OPCODE.SYMLINK, OPCODE.LINK, OPCODE.UNLINK];
/** Changes in a row with which the attributes go. The one after them goes without, so that a guest that still wants them asks. */
const TOLD_CHANGES = 16;

/** Notes that the guest asks for a directory's attributes. */
export function noteDirectoryAsked(held: HeldNode): void {
  if (held.isNameChanged) held.toldChanges = TOLD_CHANGES;
  held.isNameChanged = false;
}

/**
 * Returns the operations with those that change a name of a directory also telling its attributes, if the guest asked for them after an earlier change.
 * They go before the reply, for the agent to reply with: Linux drops them with each changed name, and `npm` and `make` look at the directory between two files.
 */
export function tellingDirectories(operations: FuseOperations): FuseOperations {
  const telling: Record<number, FuseOperation> = { ...operations };
  for (const opcode of CHANGES) {
    const operation = operations[opcode];
    if (operation !== undefined) telling[opcode] = tellingDirectory(operation);
  }
  return telling;
}

function tellingDirectory(operation: FuseOperation): FuseOperation {
  return async (context, request, room) => {
    const reply = await operation(context, request, room);
    const message = await describeDirectory(context, request);
    return message === null ? reply : after(message, request, reply);
  };
}

/** Returns the message for the agent; null when the guest does not want it, or may not keep the attributes. */
async function describeDirectory(
  { ids, view }: FuseContext,
  request: FuseRequest,
): Promise<Buffer | null> {
  const directory = ids.find(request.nodeId);
  if (directory === null) return null;
  directory.isNameChanged = true;
  if (directory.toldChanges === 0) return null;
  directory.toldChanges -= 1;
  const attributes = await attributesOf(directory);
  if (attributes === null) return null;
  const ttlMs = view.toldTtlMs(directory, attributes);
  return ttlMs === null ? null : encodeWritten(request, encodeAttributes(attributes, ttlMs), null);
}
