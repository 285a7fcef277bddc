import { RELEASE_ANSWERED } from '../../protocol/constants.ts';
import { ERRNO } from '../../protocol/errno.ts';
import {
  MAX_TRANSFER_BYTES,
  OPCODE,
  OPEN_KILL_SUIDGID,
  OUT_HEADER_BYTES,
  WRITE_KILL_SUIDGID,
} from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { guestProtocolError } from '../../protocol/guest-protocol-error.ts';
import { giveAcls, type InheritedAcls, inheritAcls } from '../acl/node-acls.ts';
import { O_ACCMODE, O_CREAT, O_EXCL, O_RDWR, O_TRUNC } from '../file-mode.ts';
import { asOwnChange, withoutNotice } from '../live/own-change.ts';
import { type HeldNode, noteOwnChange } from '../nodes/node-table.ts';
import type { MaybePromise, VfsHandle, VfsProvider } from '../provider.ts';
import { toErrno, VfsError } from '../vfs-error.ts';
import {
  after,
  assertWritable,
  caller,
  EMPTY,
  enter,
  type FuseContext,
  type FuseOperation,
  type FuseOperations,
  target,
} from './context.ts';
import { newFileFlags, openFlags } from './data-cache.ts';
import { readName, readOffset } from './decode.ts';
import { ENTRY_BYTES, encodeOpen, encodeStatus, writeReplyHeader } from './encode.ts';
import { clearSetId } from './set-id.ts';
import { describeWritten, noteMade, noteRead } from './written-files.ts';

const FSYNC_DATA_ONLY = 1;
/** Flag of a WRITE from the page cache: a program wrote through a shared mapping (we ask for no writeback cache). */
const FUSE_WRITE_CACHE = 1;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

function isWrite(flags: number): boolean {
  return (flags & (O_ACCMODE | O_TRUNC)) !== 0;
}

const open: FuseOperation = async (context, request) => {
  const { ids, handles } = context;
  const flags = request.body.readUInt32LE(0);
  const held = ids.get(request.nodeId);
  if (isWrite(flags)) assertWritable(held.mount);
  handles.assertRoom();
  const open = () => held.mount.provider.open(held.node, flags & ~(O_CREAT | O_EXCL));
  const handle = await ((flags & O_TRUNC) === 0
    ? open()
    : asOwnChange(held, async () => {
        if ((request.body.readUInt32LE(4) & OPEN_KILL_SUIDGID) !== 0) await clearSetId(held);
        return open();
      }));
  return finishOpen(context, held, handle, () => openFlags(context.live, held));
};

/** Assigns an id to an open file; closes it when that fails. */
async function finishOpen(
  { handles }: FuseContext,
  held: HeldNode,
  handle: VfsHandle,
  flags: () => MaybePromise<number>,
): Promise<Buffer> {
  try {
    const replyFlags = await flags();
    return encodeOpen(handles.addFile(held, handle), replyFlags);
  } catch (error) {
    await held.mount.provider.release(handle);
    throw error;
  }
}

type Made = Awaited<ReturnType<VfsProvider['create']>>;

/** Makes and opens a file. One that exists already keeps its own lists. */
async function createWithAcls(
  provider: VfsProvider,
  acls: InheritedAcls,
  flags: number,
  make: (flags: number) => MaybePromise<Made>,
): Promise<Made> {
  if (acls.access === null) return make(flags);
  let made: Made;
  try {
    made = await make(flags | O_EXCL);
  } catch (error) {
    if ((flags & O_EXCL) !== 0 || toErrno(error) !== ERRNO.EEXIST) throw error;
    return make(flags);
  }
  try {
    await giveAcls(provider, made.node, acls);
    return made;
  } catch (error) {
    await provider.release(made.handle);
    throw error;
  }
}

const create: FuseOperation = async (context, request) => {
  const directory = target(context, request, 'write');
  const { mount, node: parent } = directory;
  const place = context.view.place(directory, readName(request.body, 16));
  context.handles.assertRoom();
  const asked = {
    mode: request.body.readUInt32LE(4) & 0o7777,
    umask: request.body.readUInt32LE(8),
  };
  const acls = await inheritAcls(directory, false, asked);
  const file = { flags: request.body.readUInt32LE(0), mode: acls.mode, rdev: 0 };
  const make = (flags: number) =>
    mount.provider.create(parent, place.name, { ...file, flags }, caller(request));
  const { node, handle } = await withoutNotice(directory, () =>
    createWithAcls(mount.provider, acls, file.flags, make),
  );
  const reply = Buffer.alloc(ENTRY_BYTES + 16);
  try {
    await enter(context, place, mount, node, reply);
  } catch (error) {
    await mount.provider.release(handle);
    throw error;
  }
  const held = context.ids.get(Number(reply.readBigUInt64LE(0)));
  noteOwnChange(held);
  const isEmptied = (file.flags & O_TRUNC) !== 0;
  if (isEmptied && (request.body.readUInt32LE(12) & OPEN_KILL_SUIDGID) !== 0)
    await clearSetId(held);
  (await finishOpen(context, held, handle, () => newFileFlags(held))).copy(reply, ENTRY_BYTES);
  if ((file.flags & O_ACCMODE) === O_RDWR)
    noteMade(context, held, reply.readBigUInt64LE(ENTRY_BYTES));
  return reply;
};

const read: FuseOperation = async (context, request, room) => {
  const { ids, handles } = context;
  const held = ids.get(request.nodeId);
  const { provider } = held.mount;
  noteRead(context, held, request);
  const offset = readOffset(request.body, 8);
  const size = request.body.readUInt32LE(16);
  if (size > MAX_TRANSFER_BYTES) throw new VfsError('EINVAL');
  return handles.use(request.body.readBigUInt64LE(0), held, async (handle) => {
    const message = await room.allocate(OUT_HEADER_BYTES + size);
    const bytes = await provider.read(handle, message.subarray(OUT_HEADER_BYTES), offset);
    // After a failure the provider may still be reading.
    room.isReusable = true;
    const whole = message.subarray(0, OUT_HEADER_BYTES + bytes);
    writeReplyHeader(whole, request.unique, 0);
    return { whole };
  });
};

/** Returns the data of a WRITE. @throws {GondolinError} GUEST_PROTOCOL when its size field does not match its length. */
export function writtenData({ body }: FuseRequest): Buffer {
  const size = body.readUInt32LE(16);
  if (body.length - 40 === size && size <= MAX_TRANSFER_BYTES) return body.subarray(40);
  throw guestProtocolError('WRITE data of the size it names', { subject: 'FUSE WRITE', got: size });
}

const write: FuseOperation = async (context, request) => {
  const held = target(context, request, 'write');
  const { provider } = held.mount;
  const data = writtenData(request);
  const offset = readOffset(request.body, 8);
  const flags = request.body.readUInt32LE(20);
  const isMapped = (flags & FUSE_WRITE_CACHE) !== 0;
  const written = await context.handles.use(
    request.body.readBigUInt64LE(0),
    held,
    async (handle) => {
      await asOwnChange(held, async () => {
        if ((flags & WRITE_KILL_SUIDGID) !== 0) await clearSetId(held);
        await provider.write(handle, data, offset, isMapped);
      });
      return describeWritten(context, held, request, handle);
    },
  );
  const reply = Buffer.alloc(8);
  reply.writeUInt32LE(data.length, 0);
  return written === null ? reply : after(written, request, reply);
};

const release: FuseOperation = async ({ handles }, request) => {
  await handles.release(request.body.readBigUInt64LE(0));
  return (request.body.readUInt32LE(12) & RELEASE_ANSWERED) === 0 ? EMPTY : 'none';
};

const sync: FuseOperation = async (context, request) => {
  const held = target(context, request, 'read');
  if (held.mount.provider.isReadonly) return EMPTY;
  const dataOnly = (request.body.readUInt32LE(8) & FSYNC_DATA_ONLY) !== 0;
  await context.handles.use(request.body.readBigUInt64LE(0), held, (handle) =>
    held.mount.provider.sync(held.node, handle, dataOnly),
  );
  return EMPTY;
};

const allocate: FuseOperation = async (context, request) => {
  const held = target(context, request, 'write');
  const { provider } = held.mount;
  const [offset, length] = [readOffset(request.body, 8), readOffset(request.body, 16)];
  await context.handles.use(request.body.readBigUInt64LE(0), held, (handle) =>
    asOwnChange(held, async () => {
      // The request does not say whether the caller may keep them.
      await clearSetId(held);
      await provider.allocate(handle, request.body.readUInt32LE(24), offset, length);
    }),
  );
  return EMPTY;
};

const seek: FuseOperation = async (context, request) => {
  const held = target(context, request, 'read');
  const { provider } = held.mount;
  const whence = request.body.readUInt32LE(16);
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new VfsError('EINVAL');
  const found = await context.handles.use(request.body.readBigUInt64LE(0), held, (handle) =>
    provider.seek(handle, readOffset(request.body, 8), whence),
  );
  const reply = Buffer.alloc(8);
  reply.writeBigInt64LE(BigInt(found), 0);
  return reply;
};

const status: FuseOperation = async (context, request) => {
  if (request.nodeId === 1) throw new VfsError('ENOSYS');
  const { provider } = target(context, request, 'read').mount;
  return encodeStatus(await provider.status());
};

/** Operations on open files. */
export const FILE_OPERATIONS: FuseOperations = {
  [OPCODE.OPEN]: open,
  [OPCODE.CREATE]: create,
  [OPCODE.READ]: read,
  [OPCODE.WRITE]: write,
  // No FLUSH: a WRITE reaches the provider before its reply. The agent replies to FLUSH itself, for new files that it has the data of.
  [OPCODE.RELEASE]: release,
  [OPCODE.FSYNC]: sync,
  [OPCODE.FALLOCATE]: allocate,
  [OPCODE.LSEEK]: seek,
  [OPCODE.STATFS]: status,
};
