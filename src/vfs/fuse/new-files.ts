import { NOTIFY_NEW_FILE } from '../../protocol/constants.ts';
import { OPCODE, OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { O_ACCMODE, O_APPEND, O_DIRECT, O_DIRECTORY, O_DSYNC, O_RDWR } from '../file-mode.ts';
import { notification } from '../live/notification.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import { after, type FuseContext, type FuseOperation, type FuseOperations } from './context.ts';
import { readName } from './decode.ts';
import { ENTRY_BYTES } from './encode.ts';

/** With less room than this each WRITE gets its own error, since many programs ignore that of a close. */
const MIN_FREE_BYTES = 64 * 2 ** 20;
/** Opened so, each WRITE is at the host when it returns. O_SYNC contains O_DSYNC; on arm64 the bit of O_DIRECTORY is O_DIRECT. */
const DIRECT_FLAGS = O_APPEND | O_DIRECT | O_DIRECTORY | O_DSYNC;
/** In the reply to a CREATE: a struct fuse_entry_out and a struct fuse_open_out. */
const ATTRIBUTES_AT = 40;
const OPEN_FLAGS_AT = ENTRY_BYTES + 8;
const FIXED_BYTES = 24 + (ENTRY_BYTES - ATTRIBUTES_AT);

/**
 * Returns the operations with a CREATE whose file's data may wait in the agent until the file is closed, in which case the agent replies to what the kernel asks
 * in between: docs/protocol.md, "New files". Only files that are expected to be read back while they are written gain by it.
 */
export function waitingFiles(operations: FuseOperations): FuseOperations {
  const create = operations[OPCODE.CREATE];
  if (create === undefined) return operations;
  const waiting: FuseOperation = async (context, request, room) => {
    const reply = await create(context, request, room);
    if (!Buffer.isBuffer(reply)) return reply;
    const held = context.ids.get(Number(reply.readBigUInt64LE(0)));
    if (!(await mayWait(context, held, request.body.readUInt32LE(0)))) return reply;
    if (held.readBack !== null) held.readBack.waits = true;
    // The agent must see the close.
    reply.writeUInt32LE(0, OPEN_FLAGS_AT);
    return after(encodeNewFile(request, reply), request, reply);
  };
  return { ...operations, [OPCODE.CREATE]: waiting };
}

async function mayWait(
  { newFiles }: FuseContext,
  { told, mount }: HeldNode,
  flags: number,
): Promise<boolean> {
  if (!newFiles.areReadBack) return false;
  if ((flags & O_ACCMODE) !== O_RDWR || (flags & DIRECT_FLAGS) !== 0) return false;
  // Nobody watches it, or it has data already.
  if (told === null || told.sizeBytes !== 0) return false;
  const { availableBlocks, blockSizeBytes } = await mount.provider.status();
  return availableBlocks * blockSizeBytes >= MIN_FREE_BYTES;
}

/** Encodes a NOTIFY_NEW_FILE message. @param reply  Body of the reply to the CREATE. */
function encodeNewFile({ nodeId, body }: FuseRequest, reply: Buffer): Buffer {
  const name = readName(body, 16);
  const message = notification(NOTIFY_NEW_FILE, FIXED_BYTES + name.length);
  reply.copy(message, OUT_HEADER_BYTES, 0, 8);
  reply.copy(message, OUT_HEADER_BYTES + 8, ENTRY_BYTES, ENTRY_BYTES + 8);
  message.writeBigUInt64LE(BigInt(nodeId), OUT_HEADER_BYTES + 16);
  reply.copy(message, OUT_HEADER_BYTES + 24, ATTRIBUTES_AT, ENTRY_BYTES);
  message.write(name, OUT_HEADER_BYTES + FIXED_BYTES, 'latin1');
  return message;
}
