import { OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { S_IFMT } from '../file-mode.ts';
import type { FuseContext } from '../fuse/context.ts';
import { readAttributeChange, readName, readNames, readOffset } from '../fuse/decode.ts';
import { writtenData } from '../fuse/file-operations.ts';
import { readAttributeName } from '../fuse/xattr-operations.ts';
import { type NodePlaces, nameText } from './node-places.ts';
import type { VfsHookContext, VfsHookOperation } from './vfs-hooks.ts';

/** Reads the operations of a request, for hooks and events. @throws {VfsError} as the operation itself would. */
type Describe = (
  request: FuseRequest,
  path: (nodeId: number, name?: string) => string,
  context: FuseContext,
  places: NodePlaces,
) => VfsHookContext | readonly VfsHookContext[];

const onNode =
  (op: VfsHookOperation): Describe =>
  ({ nodeId }, path) => ({ op, path: path(nodeId) });

const onHandle =
  (op: VfsHookOperation): Describe =>
  ({ nodeId, body }, path) => ({
    op,
    path: path(nodeId),
    fh: Number(body.readBigUInt64LE(0)),
  });

const onName =
  (op: VfsHookOperation, nameAt = 0): Describe =>
  ({ nodeId, body }, path) => ({ op, path: path(nodeId, readName(body, nameAt)) });

const onAttribute =
  (op: VfsHookOperation, nameAt: number): Describe =>
  ({ nodeId, body }, path) => ({
    op,
    path: path(nodeId),
    name: nameText(readAttributeName(body, nameAt)),
  });

/** A range of an open file, whose length is at `lengthAt`. */
const onRange =
  (op: VfsHookOperation, length: (body: Buffer) => number | undefined): Describe =>
  ({ nodeId, body }, path) => {
    const found = length(body);
    return {
      op,
      path: path(nodeId),
      fh: Number(body.readBigUInt64LE(0)),
      offset: readOffset(body, 8),
      ...(found === undefined ? {} : { length: found }),
    };
  };

const write: Describe = (request, path) => {
  const at = path(request.nodeId);
  const data = writtenData(request);
  return {
    op: 'write',
    path: at,
    fh: Number(request.body.readBigUInt64LE(0)),
    offset: readOffset(request.body, 8),
    length: data.length,
    data,
  };
};

const renamed =
  (namesAt: number): Describe =>
  ({ nodeId, body }, path) => {
    const [name, newName] = readNames(body, namesAt);
    const oldPath = path(nodeId, name);
    const newPath = path(Number(body.readBigUInt64LE(0)), newName);
    const flags = namesAt === 8 ? 0 : body.readUInt32LE(8);
    return { op: 'rename', path: oldPath, oldPath, newPath, flags };
  };

const link: Describe = ({ nodeId, body }, path) => {
  const oldPath = path(Number(body.readBigUInt64LE(0)));
  return { op: 'link', path: oldPath, oldPath, newPath: path(nodeId, readName(body, 8)) };
};

const symlink: Describe = ({ nodeId, body }, path) => {
  const name = readName(body, 0);
  const end = body.indexOf(0, name.length + 1);
  const target = nameText(body.toString('latin1', name.length + 1, end < 0 ? undefined : end));
  return { op: 'symlink', path: path(nodeId, name), target };
};

/** One request may change several attributes: each is an operation of its own to the hooks. */
const setAttributes: Describe = ({ nodeId, body }, path) => {
  const { sizeBytes, mode, uid, gid, atimeNs, mtimeNs } = readAttributeChange(body);
  const at = path(nodeId);
  const owner = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  const isTimed = atimeNs !== undefined || mtimeNs !== undefined;
  return [
    ...(sizeBytes === undefined ? [] : [{ op: 'truncate', path: at, size: sizeBytes } as const]),
    ...(mode === undefined ? [] : [{ op: 'chmod', path: at, mode } as const]),
    ...(uid === undefined && gid === undefined
      ? []
      : [{ op: 'chown', path: at, ...owner } as const]),
    ...(isTimed ? [{ op: 'utimes', path: at } as const] : []),
  ];
};

/**
 * By the handle, as the operations themselves: a hostile guest may name another node, and an honest one may have forgotten the
 * node of what it closes.
 */
const onOpened =
  (op: VfsHookOperation): Describe =>
  ({ body }, _path, { handles }, places) => {
    const fh = body.readBigUInt64LE(0);
    const held = handles.heldBy(fh);
    if (held === null) return [];
    return { op, path: places.pathOf(held.mount, held.node), fh: Number(fh) };
  };

/** A kernel that does not open directories reads them with the handle 0: from the start counts as opening. */
const readDirectory: Describe = (request, path, context, places) => {
  const { nodeId, body } = request;
  if (body.readBigUInt64LE(0) !== 0n) return onOpened('readdir')(request, path, context, places);
  const at = path(nodeId);
  const read = { op: 'readdir', path: at } as const;
  return readOffset(body, 8) === 0 ? [{ op: 'opendir', path: at }, read] : read;
};

const DESCRIBE: Readonly<Record<number, Describe>> = {
  [OPCODE.LOOKUP]: onName('lookup'),
  [OPCODE.GETATTR]: onNode('stat'),
  [OPCODE.SETATTR]: setAttributes,
  [OPCODE.READLINK]: onNode('readlink'),
  [OPCODE.SYMLINK]: symlink,
  [OPCODE.MKNOD]: ({ nodeId, body }, path) => ({
    op: 'mknod',
    path: path(nodeId, readName(body, 16)),
    mode: body.readUInt32LE(0) & (S_IFMT | 0o7777),
  }),
  [OPCODE.MKDIR]: ({ nodeId, body }, path) => ({
    op: 'mkdir',
    path: path(nodeId, readName(body, 8)),
    mode: body.readUInt32LE(0) & 0o7777,
  }),
  [OPCODE.UNLINK]: onName('unlink'),
  [OPCODE.RMDIR]: onName('rmdir'),
  [OPCODE.RENAME]: renamed(8),
  [OPCODE.RENAME2]: renamed(16),
  [OPCODE.LINK]: link,
  [OPCODE.OPEN]: ({ nodeId, body }, path) => ({
    op: 'open',
    path: path(nodeId),
    flags: body.readUInt32LE(0),
  }),
  [OPCODE.CREATE]: ({ nodeId, body }, path) => ({
    op: 'create',
    path: path(nodeId, readName(body, 16)),
    flags: body.readUInt32LE(0),
    mode: body.readUInt32LE(4) & 0o7777,
  }),
  [OPCODE.READ]: onRange('read', (body) => body.readUInt32LE(16)),
  [OPCODE.WRITE]: write,
  [OPCODE.RELEASE]: onOpened('release'),
  [OPCODE.FSYNC]: onHandle('fsync'),
  [OPCODE.FALLOCATE]: onRange('fallocate', (body) => readOffset(body, 16)),
  [OPCODE.LSEEK]: onRange('lseek', () => undefined),
  [OPCODE.STATFS]: onNode('statfs'),
  [OPCODE.OPENDIR]: onNode('opendir'),
  [OPCODE.READDIR]: readDirectory,
  [OPCODE.READDIRPLUS]: readDirectory,
  [OPCODE.RELEASEDIR]: onOpened('releasedir'),
  [OPCODE.FSYNCDIR]: onHandle('fsync'),
  [OPCODE.GETXATTR]: onAttribute('getxattr', 8),
  [OPCODE.SETXATTR]: onAttribute('setxattr', 8),
  [OPCODE.REMOVEXATTR]: onAttribute('removexattr', 0),
  [OPCODE.LISTXATTR]: onNode('listxattr'),
};

/** The opcodes that hooks and events see. */
export const DESCRIBED_OPCODES: readonly number[] = Object.keys(DESCRIBE).map(Number);

/**
 * Returns what a request is about: usually one operation, for SETATTR one for each kind of attribute.
 * @throws {VfsError} for arguments that the operation would refuse too. @throws {GondolinError} GUEST_PROTOCOL
 */
export function describeRequest(
  context: FuseContext,
  request: FuseRequest,
  places: NodePlaces,
): readonly VfsHookContext[] {
  const path = (nodeId: number, name?: string) => {
    const { mount, node } = context.ids.get(nodeId);
    return places.pathOf(mount, node, name);
  };
  const described = DESCRIBE[request.opcode]?.(request, path, context, places) ?? [];
  return 'op' in described ? [described] : described;
}
