import { EDIT } from '../../protocol/constants.ts';
import { FOPEN, OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import type { RequestReservation } from '../bounds/request-reservation.ts';
import { S_IFDIR, S_IFREG } from '../file-mode.ts';
import type { Edit, EditLog } from '../live/edit-log.ts';
import type { Attributes, MaybePromise } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import {
  EMPTY,
  enter,
  type FuseContext,
  type FuseOperations,
  type FuseReply,
  tellAttributes,
} from './context.ts';
import { readName } from './decode.ts';
import { ENTRY_BYTES, encodeAttributes, encodeOpen, writeEntry } from './encode.ts';
import { GONE_FILES } from './gone-files.ts';

/** Handle of an open file of the host that was never opened. No file has it. */
const NO_HANDLE = 0;
/** Requests that change nothing and are served as for any program. */
const READING: ReadonlySet<number> = new Set([
  ...[OPCODE.LOOKUP, OPCODE.GETATTR, OPCODE.FORGET, OPCODE.BATCH_FORGET, OPCODE.INTERRUPT],
]);
/** The action of which each request is the repetition, and where the name is in it. */
const ACTIONS: Readonly<Record<number, number>> = {
  [OPCODE.CREATE]: EDIT.MAKE_FILE,
  [OPCODE.MKDIR]: EDIT.MAKE_DIRECTORY,
  [OPCODE.SYMLINK]: EDIT.MAKE_LINK,
  [OPCODE.UNLINK]: EDIT.REMOVE_FILE,
  [OPCODE.RMDIR]: EDIT.REMOVE_DIRECTORY,
  [OPCODE.RENAME]: EDIT.RENAME,
  [OPCODE.RENAME2]: EDIT.RENAME,
};
const NAME_AT: Readonly<Record<number, number>> = {
  [OPCODE.CREATE]: 16,
  [OPCODE.MKDIR]: 8,
  ...{ [OPCODE.SYMLINK]: 0, [OPCODE.UNLINK]: 0, [OPCODE.RMDIR]: 0 },
  [OPCODE.RENAME]: 8,
  [OPCODE.RENAME2]: 16,
};
const MAKING: ReadonlySet<number> = new Set([
  ...[EDIT.MAKE_FILE, EDIT.MAKE_DIRECTORY, EDIT.MAKE_LINK],
]);
const TOUCHED: ReadonlySet<number> = new Set([EDIT.WRITE, EDIT.ATTRIBUTES, EDIT.MAKE_FILE]);

/**
 * Answers the agent's system calls that repeat an edit of the host: with success and without doing anything, so that the guest's
 * kernel notifies the programs that watch. The requests come with the user EDITOR_UID and, as group, a token that the host
 * issued for one edit. A guest that imitates them reads what it may read, and changes nothing: no request of this user does.
 */
export async function serveRepeatedEdit(
  context: FuseContext,
  log: EditLog,
  request: FuseRequest,
  room: RequestReservation,
  operations: FuseOperations,
): Promise<FuseReply> {
  const { opcode } = request;
  const serve = () => operations[opcode]?.(context, request, room) ?? EMPTY;
  const edit = log.find(request.gid);
  if (edit !== null && opcode === OPCODE.LOOKUP) return lookUp(context, edit, request, serve);
  if (READING.has(opcode)) return serve();
  if (edit === null) throw new VfsError('ESTALE');
  const nameAt = NAME_AT[opcode];
  if (nameAt !== undefined && ACTIONS[opcode] === edit.action)
    return isOf(edit, request, nameAt) ? named(context, edit, opcode) : stale();
  return touched(context, edit, request);
}

function stale(): never {
  throw new VfsError('ESTALE');
}

/** Whether a request names what the edit is about. */
function isOf({ directory, name }: Edit, { nodeId, body }: FuseRequest, nameAt: number): boolean {
  return directory.id === nodeId && name === readName(body, nameAt);
}

/** Answers the call that changes a name. */
function named(context: FuseContext, edit: Edit, opcode: number): MaybePromise<FuseReply> {
  return MAKING.has(edit.action) ? made(context, edit, opcode) : EMPTY;
}

/** Answers the calls that change a file. */
async function touched(
  context: FuseContext,
  { action }: Edit,
  { opcode, nodeId }: FuseRequest,
): Promise<FuseReply> {
  if (opcode === OPCODE.OPEN && action === EDIT.WRITE)
    return encodeOpen(NO_HANDLE, FOPEN.KEEP_CACHE);
  if (opcode !== OPCODE.SETATTR || !TOUCHED.has(action)) return stale();
  const { attributes, ttlMs } = await tellAttributes(context, context.ids.get(nodeId));
  return encodeAttributes(attributes, ttlMs);
}

/** Answers the lookup of a name that the edit is about as it was before the edit; others as for any program. */
function lookUp(
  context: FuseContext,
  edit: Edit,
  request: FuseRequest,
  serve: () => MaybePromise<FuseReply>,
): MaybePromise<FuseReply> {
  const { action, to } = edit;
  if (to !== null && isOf({ ...edit, ...to }, request, 0)) throw new VfsError('ENOENT');
  if (!isOf(edit, request, 0) || action === EDIT.WRITE || action === EDIT.ATTRIBUTES)
    return serve();
  if (MAKING.has(action)) throw new VfsError('ENOENT');
  return former(context, edit, action === EDIT.REMOVE_DIRECTORY ? S_IFDIR : S_IFREG);
}

/** Returns the entry of a file that has the name no more, for this one use: the node that the guest knew, or a new one. */
function former({ ids }: FuseContext, { directory, held }: Edit, type: number): Buffer {
  const isHeld = held !== null && ids.find(held.id) === held;
  const { mount } = directory;
  const lookedUp = isHeld
    ? ids.addLookup(mount, held.node)
    : ids.addLookup({ ...mount, provider: GONE_FILES }, {});
  const reply = Buffer.alloc(ENTRY_BYTES);
  const known = isHeld && held.type !== 0 ? held.type : type;
  const attributes = formerAttributes(known, isHeld ? held.ino : BigInt(lookedUp.id));
  writeEntry(reply, 0, lookedUp.id, attributes, { nameMs: 0, attributesMs: 0 });
  return reply;
}

async function made(context: FuseContext, edit: Edit, opcode: number): Promise<Buffer> {
  const { directory, name } = edit;
  const place = context.view.place(directory, name);
  const node = await directory.mount.provider.lookup(directory.node, name);
  if (opcode !== OPCODE.CREATE) return enter(context, place, directory.mount, node);
  const reply = Buffer.alloc(ENTRY_BYTES + 16);
  await enter(context, place, directory.mount, node, reply);
  encodeOpen(NO_HANDLE, FOPEN.KEEP_CACHE).copy(reply, ENTRY_BYTES);
  return reply;
}

function formerAttributes(type: number, ino: bigint): Attributes {
  return {
    ...{ ino, mode: type | 0o644, nlink: 1, uid: 0, gid: 0, rdev: 0, sizeBytes: 0, blocks: 0 },
    ...{ atimeNs: 0n, mtimeNs: 0n, ctimeNs: 0n },
  };
}
