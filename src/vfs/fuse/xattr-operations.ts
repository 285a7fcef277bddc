import { OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import { isAcl, readAcl, removeAcl, writeAcl } from '../acl/node-acls.ts';
import { asOwnChange } from '../live/own-change.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { ExtendedAttributes } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import {
  caller,
  EMPTY,
  type FuseContext,
  type FuseOperation,
  type FuseOperations,
  target,
} from './context.ts';
import { readText } from './decode.ts';

/** XATTR_NAME_MAX, XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h. */
const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 65_536;
const MAX_LIST_BYTES = 65_536;
const FLAGS = 3;
/** The guest's kernel checks who may use which. Of `system.` there are only access control lists. */
const NAMESPACES = ['user.', 'trusted.', 'security.'];

/** Returns the attributes of a node's mount. @throws {VfsError} ENOSYS, after which the kernel never asks again, or EOPNOTSUPP */
function attributesOf({ mounts }: FuseContext, { mount }: HeldNode): ExtendedAttributes {
  const { extendedAttributes } = mount.provider;
  if (extendedAttributes !== undefined) return extendedAttributes;
  const others = [...mounts.values()];
  const isUsed = others.some(({ provider }) => provider.extendedAttributes !== undefined);
  throw new VfsError(isUsed ? 'EOPNOTSUPP' : 'ENOSYS');
}

/** Reads the name of an attribute. @throws {VfsError} EINVAL, ERANGE for a long one, EOPNOTSUPP for one that no provider keeps. */
export function readAttributeName(body: Buffer, offset: number): string {
  const name = readText(body, offset);
  if (isAcl(name)) return name;
  if (name.length > MAX_NAME_BYTES) throw new VfsError('ERANGE');
  const namespace = NAMESPACES.find((one) => name.startsWith(one));
  if (namespace === undefined) throw new VfsError('EOPNOTSUPP');
  if (name.length === namespace.length) throw new VfsError('EINVAL');
  return name;
}

/** Replies with bytes, or with their number to a caller that has no room yet. @throws {VfsError} ERANGE when they do not fit. */
function sized(bytes: Buffer, roomBytes: number): Buffer {
  if (roomBytes === 0) {
    const reply = Buffer.alloc(8);
    reply.writeUInt32LE(bytes.length, 0);
    return reply;
  }
  if (bytes.length > roomBytes) throw new VfsError('ERANGE');
  return bytes;
}

const get: FuseOperation = async (context, request) => {
  const held = target(context, request, 'read');
  const attributes = attributesOf(context, held);
  const name = readAttributeName(request.body, 8);
  const value = isAcl(name)
    ? await readAcl(held, attributes, name)
    : await attributes.get(held.node, name);
  if (value === null) throw new VfsError('ENODATA');
  if (value.length > MAX_VALUE_BYTES) throw new VfsError('E2BIG');
  return sized(value, request.body.readUInt32LE(0));
};

const list: FuseOperation = async (context, request) => {
  const held = target(context, request, 'read');
  const names = await attributesOf(context, held).list(held.node);
  const bytes = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
  if (bytes.length > MAX_LIST_BYTES) throw new VfsError('E2BIG');
  return sized(bytes, request.body.readUInt32LE(0));
};

const set: FuseOperation = async (context, request) => {
  const { body } = request;
  // Before EROFS: the kernel is to stop asking.
  const attributes = attributesOf(context, target(context, request, 'read'));
  const held = target(context, request, 'write');
  const [sizeBytes, flags] = [body.readUInt32LE(0), body.readUInt32LE(4)];
  const name = readAttributeName(body, 8);
  const start = 8 + name.length + 1;
  if (sizeBytes > MAX_VALUE_BYTES) throw new VfsError('E2BIG');
  if (body.length - start !== sizeBytes || (flags & ~FLAGS) !== 0) throw new VfsError('EINVAL');
  const value = body.subarray(start);
  await asOwnChange(held, () =>
    isAcl(name)
      ? writeAcl(held, attributes, { name, value }, caller(request))
      : attributes.set(held.node, name, value, flags),
  );
  return EMPTY;
};

const remove: FuseOperation = async (context, request) => {
  const attributes = attributesOf(context, target(context, request, 'read'));
  const held = target(context, request, 'write');
  const name = readAttributeName(request.body, 0);
  await asOwnChange(held, () =>
    isAcl(name) ? removeAcl(held, attributes, name) : attributes.remove(held.node, name),
  );
  return EMPTY;
};

/** Operations on extended attributes, of mounts that offer them. */
export const XATTR_OPERATIONS: FuseOperations = {
  [OPCODE.GETXATTR]: get,
  [OPCODE.LISTXATTR]: list,
  [OPCODE.SETXATTR]: set,
  [OPCODE.REMOVEXATTR]: remove,
};
