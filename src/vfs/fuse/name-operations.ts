import { OPCODE, ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { S_IFDIR, S_IFMT } from '../file-mode.ts';
import { withUniqueIno } from '../nodes/node-table.ts';
import { VfsError } from '../vfs-error.ts';
import {
  assertWritable,
  caller,
  EMPTY,
  enter,
  type FuseContext,
  type FuseOperation,
  target,
} from './context.ts';
import { readAttributeChange, readName, readNames } from './decode.ts';
import { encodeAttributes } from './encode.ts';
import { lookupMount, rootAttributes } from './root-directory.ts';

const RENAME_FLAGS = 3;

const lookup: FuseOperation = async (context, request) => {
  const name = readName(request.body, 0);
  if (request.nodeId === ROOT_NODE_ID) return lookupMount(context, name);
  const { mount, node } = target(context, request, 'read');
  return enter(context, mount, await mount.provider.lookup(node, name));
};

const getAttributes = async (context: FuseContext, request: FuseRequest): Promise<Buffer> => {
  if (request.nodeId === ROOT_NODE_ID) return rootAttributes();
  const { id, mount, node } = target(context, request, 'read');
  const attributes = withUniqueIno(mount, await mount.provider.attributes(node));
  context.recent.record(id, attributes);
  return encodeAttributes(attributes, mount.provider.ttlMs);
};

const setAttributes: FuseOperation = async (context, request) => {
  const held = target(context, request, 'write');
  const { provider } = held.mount;
  const handle = context.handles.fileHandle(request.body.readBigUInt64LE(8), held);
  await provider.setAttributes(held.node, readAttributeChange(request.body), handle);
  return getAttributes(context, request);
};

const readLink: FuseOperation = (context, request) => {
  const { mount, node } = target(context, request, 'read');
  return mount.provider.readLink(node);
};

const makeSymlink: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'write');
  const name = readName(request.body, 0);
  const start = name.length + 1;
  const end = request.body.indexOf(0, start);
  if (end === -1) throw new VfsError('EINVAL');
  const link = request.body.subarray(start, end);
  return enter(context, mount, await mount.provider.makeSymlink(node, name, link, caller(request)));
};

const makeNode: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'write');
  const mode = request.body.readUInt32LE(0);
  if ((mode & S_IFMT) === S_IFDIR) throw new VfsError('EPERM');
  const made = { mode: mode & 0o177777, rdev: request.body.readUInt32LE(4) };
  const name = readName(request.body, 16);
  return enter(context, mount, await mount.provider.makeNode(node, name, made, caller(request)));
};

const makeDirectory: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'write');
  const mode = request.body.readUInt32LE(0) & 0o7777;
  const name = readName(request.body, 8);
  return enter(
    context,
    mount,
    await mount.provider.makeDirectory(node, name, mode, caller(request)),
  );
};

const unlink: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'write');
  await mount.provider.unlink(node, readName(request.body, 0));
  return EMPTY;
};

const removeDirectory: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'write');
  await mount.provider.removeDirectory(node, readName(request.body, 0));
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
  await from.mount.provider.rename(from.node, name, to.node, newName, flags);
  return EMPTY;
}

const link: FuseOperation = async (context, request) => {
  const to = target(context, request, 'write');
  const from = context.ids.get(Number(request.body.readBigUInt64LE(0)));
  if (from.mount !== to.mount) throw new VfsError('EXDEV');
  await to.mount.provider.link(from.node, to.node, readName(request.body, 8));
  return enter(context, from.mount, from.node);
};

/** Operations on names and attributes. */
export const NAME_OPERATIONS: Readonly<Record<number, FuseOperation>> = {
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
