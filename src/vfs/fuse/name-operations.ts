import { ERRNO } from '../../protocol/errno.ts';
import { OPCODE, ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { giveAcls, inheritAcls, withGroup } from '../acl/node-acls.ts';
import { S_IFDIR, S_IFMT } from '../file-mode.ts';
import type { NamePlace } from '../live/guest-view.ts';
import { currentEntry } from '../live/live-files.ts';
import { asOwnChange, withoutNotice, withoutNotices } from '../live/own-change.ts';
import { type HeldNode, noteOwnChange } from '../nodes/node-table.ts';
import type { VfsNode } from '../provider.ts';
import { toErrno, VfsError } from '../vfs-error.ts';
import { noteDirectoryAsked } from './changed-directories.ts';
import {
  assertWritable,
  caller,
  EMPTY,
  enter,
  type FuseContext,
  type FuseOperation,
  type FuseOperations,
  target,
  tellAttributes,
} from './context.ts';
import { clearsSetId, readAttributeChange, readName, readNames } from './decode.ts';
import { encodeAbsent, encodeAttributes } from './encode.ts';
import { lookupMount, rootAttributes } from './root-directory.ts';
import { clearSetId } from './set-id.ts';
import { noteAsked } from './written-files.ts';

const RENAME_FLAGS = 3;

const lookup: FuseOperation = async (context, request) => {
  const name = readName(request.body, 0);
  if (request.nodeId === ROOT_NODE_ID) return lookupMount(context, name);
  const directory = target(context, request, 'read');
  const place = context.view.place(directory, name);
  const node = await lookupOrNull(directory, name);
  if (node !== null) return enter(context, place, directory.mount, node);
  const absentMs = context.view.absent(place);
  if (absentMs === 0) throw new VfsError('ENOENT');
  return encodeAbsent(absentMs);
};

async function lookupOrNull({ mount, node }: HeldNode, name: string): Promise<VfsNode | null> {
  try {
    return await mount.provider.lookup(node, name);
  } catch (error) {
    if (toErrno(error) === ERRNO.ENOENT) return null;
    throw error;
  }
}

async function attributesReply(context: FuseContext, held: HeldNode): Promise<Buffer> {
  const { attributes, ttlMs } = await tellAttributes(context, held);
  return encodeAttributes(attributes, ttlMs);
}

const getAttributes: FuseOperation = (context, request) => {
  if (request.nodeId === ROOT_NODE_ID) return rootAttributes();
  const held = target(context, request, 'read');
  noteAsked(held);
  noteDirectoryAsked(held);
  return attributesReply(context, held);
};

const setAttributes: FuseOperation = async (context, request) => {
  const held = target(context, request, 'write');
  const { provider } = held.mount;
  const handle = context.handles.fileHandle(request.body.readBigUInt64LE(8), held);
  const change = await withGroup(held, readAttributeChange(request.body));
  await asOwnChange(held, async () => {
    if (clearsSetId(request.body, change)) await clearSetId(held);
    await provider.setAttributes(held.node, change, handle);
  });
  return attributesReply(context, held);
};

const readLink: FuseOperation = (context, request) => {
  const { mount, node } = target(context, request, 'read');
  return mount.provider.readLink(node);
};

/** Enters what the guest has just made. */
async function enterMade(context: FuseContext, place: NamePlace, node: VfsNode): Promise<Buffer> {
  const reply = await enter(context, place, place.directory.mount, node);
  const held = context.ids.heldOf(node);
  if (held !== null) noteOwnChange(held);
  return reply;
}

const makeSymlink: FuseOperation = async (context, request) => {
  const directory = target(context, request, 'write');
  const { mount, node } = directory;
  const place = context.view.place(directory, readName(request.body, 0));
  const start = place.name.length + 1;
  const end = request.body.indexOf(0, start);
  if (end === -1) throw new VfsError('EINVAL');
  const link = request.body.subarray(start, end);
  const make = () => mount.provider.makeSymlink(node, place.name, link, caller(request));
  const made = await withoutNotice(directory, make);
  return enterMade(context, place, made);
};

const makeNode: FuseOperation = async (context, request) => {
  const directory = target(context, request, 'write');
  const { mount, node } = directory;
  const mode = request.body.readUInt32LE(0);
  if ((mode & S_IFMT) === S_IFDIR) throw new VfsError('EPERM');
  const umask = request.body.readUInt32LE(8);
  const acls = await inheritAcls(directory, false, { mode: mode & 0o177777, umask });
  const wanted = { mode: acls.mode, rdev: request.body.readUInt32LE(4) };
  const place = context.view.place(directory, readName(request.body, 16));
  const make = () => mount.provider.makeNode(node, place.name, wanted, caller(request));
  const made = await withoutNotice(directory, make);
  await giveAcls(mount.provider, made, acls);
  return enterMade(context, place, made);
};

const makeDirectory: FuseOperation = async (context, request) => {
  const directory = target(context, request, 'write');
  const { mount, node } = directory;
  const asked = {
    mode: request.body.readUInt32LE(0) & 0o7777,
    umask: request.body.readUInt32LE(4),
  };
  const acls = await inheritAcls(directory, true, asked);
  const place = context.view.place(directory, readName(request.body, 8));
  const made = await mount.provider.makeDirectory(node, place.name, acls.mode, caller(request));
  await giveAcls(mount.provider, made, acls);
  return enterMade(context, place, made);
};

function removed({ view, live }: FuseContext, directory: HeldNode, name: string): void {
  const held = view.dropped(directory, name);
  if (held !== null) noteOwnChange(held);
  live.noteRemoved(directory, name);
}

const unlink: FuseOperation = async (context, request) => {
  const directory = target(context, request, 'write');
  const name = readName(request.body, 0);
  await withoutNotice(directory, () => directory.mount.provider.unlink(directory.node, name));
  removed(context, directory, name);
  return EMPTY;
};

const removeDirectory: FuseOperation = async (context, request) => {
  const directory = target(context, request, 'write');
  const name = readName(request.body, 0);
  await directory.mount.provider.removeDirectory(directory.node, name);
  removed(context, directory, name);
  return EMPTY;
};

async function renameTo(
  context: FuseContext,
  request: FuseRequest,
  flags: number,
  namesAt: number,
): Promise<Buffer> {
  const from = target(context, request, 'write');
  const to = context.ids.get(Number(request.body.readBigUInt64LE(0)));
  assertWritable(to.mount);
  if (from.mount !== to.mount) throw new VfsError('EXDEV');
  if ((flags & ~RENAME_FLAGS) !== 0) throw new VfsError('EINVAL');
  const [name, newName] = readNames(request.body, namesAt);
  const { view, live } = context;
  const places = [view.place(from, name), view.place(to, newName)] as const;
  const known = context.ids.find(from.names?.get(name) ?? 0);
  const concerned = new Set([from, to, ...(known === null ? [] : [known])]);
  const rename = () => from.mount.provider.rename(from.node, name, to.node, newName, flags);
  await withoutNotices([...concerned], rename);
  live.noteRemoved(from, name);
  const moved = currentEntry(to, newName)?.node ?? null;
  const held = moved === null ? null : context.ids.heldOf(moved);
  if (held !== null) noteOwnChange(held);
  for (const stale of view.renamed(...places, flags)) {
    live.expireName(stale);
    if (stale.held !== null) live.expire(stale.held, false);
  }
  return EMPTY;
}

const link: FuseOperation = async (context, request) => {
  const to = target(context, request, 'write');
  const from = context.ids.get(Number(request.body.readBigUInt64LE(0)));
  if (from.mount !== to.mount) throw new VfsError('EXDEV');
  const place = context.view.place(to, readName(request.body, 8));
  await withoutNotice(to, () => to.mount.provider.link(from.node, to.node, place.name));
  return enterMade(context, place, from.node);
};

/** Operations on names and attributes. */
export const NAME_OPERATIONS: FuseOperations = {
  [OPCODE.LOOKUP]: lookup,
  [OPCODE.GETATTR]: getAttributes,
  [OPCODE.SETATTR]: setAttributes,
  [OPCODE.READLINK]: readLink,
  [OPCODE.SYMLINK]: makeSymlink,
  [OPCODE.MKNOD]: makeNode,
  [OPCODE.MKDIR]: makeDirectory,
  [OPCODE.UNLINK]: unlink,
  [OPCODE.RMDIR]: removeDirectory,
  [OPCODE.RENAME]: (context, request) => renameTo(context, request, 0, 8),
  [OPCODE.RENAME2]: (context, request) =>
    renameTo(context, request, request.body.readUInt32LE(8), 16),
  [OPCODE.LINK]: link,
};
