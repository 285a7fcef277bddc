import { MAX_WRITTEN_BYTES, NOTIFY_WRITTEN } from '../../protocol/constants.ts';
import { OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { notification } from '../live/notification.ts';
import type { HeldNode, ReadBack } from '../nodes/node-table.ts';
import type { VfsHandle } from '../provider.ts';
import { type FuseContext, tellAttributes } from './context.ts';
import { encodeAttributes } from './encode.ts';

/** Bits of a WRITE's padding, by which the agent says what it used of what came with the WRITE before. */
const USED = { attributes: 1, data: 2 } as const;
const USED_AT = 36;
const FIXED_BYTES = 20 + 104;

/** WRITEs in a row whose messages were not used, after which they have none. */
const MAX_UNUSED = 2;

/** Whether the guest reads back what it writes to new files: so the first file of a compiler tells about the others. */
export interface NewFiles {
  areReadBack: boolean;
  /** Files in a row whose data waited in the agent for nothing. */
  unused: number;
}

/** Notes that the guest asks for a file's attributes. */
export function noteAsked({ readBack }: HeldNode): void {
  if (readBack?.isWritten === true) readBack.wantsAttributes = true;
}

/** Notes that the guest reads a file. */
export function noteRead({ newFiles }: FuseContext, held: HeldNode, { body }: FuseRequest): void {
  const { readBack } = held;
  if (readBack?.isWritten !== true) return;
  readBack.isWritten = false;
  readBack.reader = body.readBigUInt64LE(0);
  if (!readBack.isNew) return;
  newFiles.areReadBack = true;
  newFiles.unused = 0;
}

/** Notes that the guest made a file, open by this handle. */
export function noteMade({ newFiles }: FuseContext, held: HeldNode, handleId: bigint): void {
  const { areReadBack } = newFiles;
  const reader = areReadBack ? handleId : null;
  held.readBack = { ...UNKNOWN, isNew: true, wantsAttributes: areReadBack, reader };
}

const UNKNOWN: ReadBack = {
  ...{
    isNew: false,
    isWritten: false,
    waits: false,
    wantsAttributes: false,
    reader: null,
    sent: 0,
    unused: 0,
  },
};

/** Notes what the agent used the data of a new file for while it waited there. */
function noteWaited({ newFiles }: FuseContext, readBack: ReadBack, used: number): void {
  readBack.waits = false;
  newFiles.unused = used === 0 ? newFiles.unused + 1 : 0;
  if (newFiles.unused >= MAX_UNUSED) newFiles.areReadBack = false;
}

/** Notes what the guest used of what came with the WRITE before. */
function noteUsed({ newFiles }: FuseContext, readBack: ReadBack, used: number): void {
  const { sent } = readBack;
  readBack.sent = 0;
  readBack.unused = (sent & ~used) === 0 ? 0 : readBack.unused + 1;
  if (readBack.unused < MAX_UNUSED) return;
  readBack.unused = 0;
  readBack.reader = null;
  if ((used & USED.attributes) === 0) readBack.wantsAttributes = false;
  if (readBack.isNew) newFiles.areReadBack = false;
}

/**
 * Returns the message that goes before the reply to a WRITE, by which the agent itself serves the GETATTR and the READ that followed the WRITE before;
 * null when the guest did not ask them. Programs that write an object file seek and read in it after each part, and Linux asks for a file's
 * attributes, and drops its data, after each WRITE. Call once the data is written.
 */
export async function describeWritten(
  context: FuseContext,
  held: HeldNode,
  request: FuseRequest,
  handle: VfsHandle,
): Promise<Buffer | null> {
  held.readBack ??= { ...UNKNOWN };
  const { readBack } = held;
  const used = request.body.readUInt32LE(USED_AT);
  if (readBack.waits) {
    noteWaited(context, readBack, used);
    return null;
  }
  noteUsed(context, readBack, used);
  readBack.isWritten = true;
  // A hook sees each request.
  if (!readBack.wantsAttributes || context.opensDirectories) return null;
  const { attributes, ttlMs } = await tellAttributes(context, held);
  const { told } = held;
  const isReader = readBack.reader === request.body.readBigUInt64LE(0);
  const data = isReader ? await readWhole(held, handle, attributes.sizeBytes) : null;
  // Nobody watches it, or the guest was notified meanwhile.
  if (told === null || held.told !== told) return null;
  readBack.sent = USED.attributes | (data === null ? 0 : USED.data);
  return encodeWritten(request, encodeAttributes(attributes, ttlMs), data);
}

/** Returns a file's contents if they are short. */
async function readWhole(
  { mount }: HeldNode,
  handle: VfsHandle,
  sizeBytes: number,
): Promise<Buffer | null> {
  if (sizeBytes > MAX_WRITTEN_BYTES) return null;
  const data = Buffer.alloc(sizeBytes);
  try {
    return (await mount.provider.read(handle, data, 0)) === sizeBytes ? data : null;
  } catch {
    // The WRITE was done all the same. The guest asks itself, and gets the error.
    return null;
  }
}

/** Encodes a NOTIFY_WRITTEN message: docs/protocol.md, "Files just written". */
export function encodeWritten(
  { nodeId, unique }: FuseRequest,
  attributes: Buffer,
  data: Buffer | null,
): Buffer {
  const at = OUT_HEADER_BYTES + FIXED_BYTES;
  const message = notification(NOTIFY_WRITTEN, FIXED_BYTES + (data?.length ?? 0));
  message.writeBigUInt64LE(BigInt(nodeId), OUT_HEADER_BYTES);
  message.writeBigUInt64LE(unique, OUT_HEADER_BYTES + 8);
  message.writeUInt32LE(data === null ? 0 : 1, OUT_HEADER_BYTES + 16);
  attributes.copy(message, OUT_HEADER_BYTES + 20);
  data?.copy(message, at);
  return message;
}
