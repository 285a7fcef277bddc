import { MAX_TRANSFER_BYTES, OPCODE, ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { MAX_DIRECTORY_REPLY_BYTES } from '../bounds/limits.ts';
import type { RequestReservation } from '../bounds/request-reservation.ts';
import { readDirent } from '../listing/dirent.ts';
import type { Listing } from '../listing/listing.ts';
import { VfsError } from '../vfs-error.ts';
import { EMPTY, enter, type FuseContext, type FuseOperation, target } from './context.ts';
import { readOffset } from './decode.ts';
import { ENTRY_BYTES, encodeOpen } from './encode.ts';
import type { OpenDirectory } from './handles.ts';

/** `.` and `..` come first in a listing and are never looked up. */
const DOTS = 2;

const openDirectory: FuseOperation = (context, request) => {
  if (request.nodeId === ROOT_NODE_ID) throw new VfsError('EACCES');
  context.handles.assertRoom();
  return encodeOpen(context.handles.addDirectory(target(context, request, 'read')), 0);
};

/** Returns the listing that an offset indexes; makes a new one when reading starts over. */
async function listingAt(
  { listings }: FuseContext,
  directory: OpenDirectory,
  offset: number,
): Promise<Listing> {
  if (directory.listing !== null && offset > 0) return directory.listing;
  const made = await listings.make(directory.held);
  const old = directory.listing;
  directory.listing = made;
  if (old !== null) listings.release(directory.held, old);
  return made;
}

/** A listing, from an offset, with the reply to fill. */
interface ListingReply {
  readonly listing: Listing;
  readonly reply: Buffer;
  readonly offset: number;
  readonly directory: OpenDirectory;
}

/** Runs `action` with the listing that a READDIR names; it stays valid meanwhile, whatever the guest releases. */
async function readListing(
  context: FuseContext,
  { body }: FuseRequest,
  room: RequestReservation,
  action: (found: ListingReply) => number | Promise<number>,
): Promise<Buffer> {
  const sizeBytes = body.readUInt32LE(16);
  if (sizeBytes > MAX_TRANSFER_BYTES) throw new VfsError('EINVAL');
  const directory = context.handles.directory(body.readBigUInt64LE(0));
  const offset = readOffset(body, 8);
  const listing = await listingAt(context, directory, offset);
  listing.users++;
  if (directory.isReleased) releaseListing(context, directory);
  try {
    const replyBytes = Math.min(sizeBytes, MAX_DIRECTORY_REPLY_BYTES);
    await room.reserve(replyBytes);
    const reply = Buffer.alloc(replyBytes);
    return reply.subarray(0, await action({ listing, reply, offset, directory }));
  } finally {
    context.listings.release(directory.held, listing);
  }
}

function releaseListing({ listings }: FuseContext, directory: OpenDirectory): void {
  if (directory.listing !== null) listings.release(directory.held, directory.listing);
  directory.listing = null;
}

const readDirectory: FuseOperation = (context, request, room) =>
  readListing(context, request, room, ({ listing, reply, offset }) =>
    listing.copyTo(reply, offset),
  );

/** Writes what struct fuse_direntplus has before the name of an entry. */
type EnterEntry = typeof enterChild;

function readDirectoryWith(enterEntry: EnterEntry): FuseOperation {
  const fill = async (
    context: FuseContext,
    { listing, reply, offset, directory }: ListingReply,
  ): Promise<number> => {
    let used = 0;
    for (let index = offset; ; index++) {
      const dirent = listing.dirent(index);
      if (dirent === null || used + ENTRY_BYTES + dirent.length > reply.length) return used;
      if (context.turns.isSpent) await context.turns.next();
      if (index >= DOTS) await enterEntry(context, directory, dirent, reply, used);
      used += ENTRY_BYTES;
      used += dirent.copy(reply, used);
    }
  };
  return (context, request, room) =>
    readListing(context, request, room, (found) => fill(context, found));
}

/**
 * Writes the attributes of an entry. When it cannot be looked up (removed meanwhile, no descriptor left) its node id
 * stays 0: the guest's kernel lists the name and looks it up when a program uses it.
 */
async function enterChild(
  context: FuseContext,
  { held }: OpenDirectory,
  dirent: Buffer,
  reply: Buffer,
  offset: number,
): Promise<void> {
  try {
    const place = context.view.place(held, readDirent(dirent).name);
    const node = await held.mount.provider.lookup(held.node, place.name);
    await enter(context, place, held.mount, node, reply, offset);
  } catch {
    reply.fill(0, offset, offset + ENTRY_BYTES);
  }
}

/** Lists entries with their attributes in one reply, which is all that `ls -l` needs. */
const readDirectoryPlus = readDirectoryWith(enterChild);

/** Serves READDIRPLUS with names only: the guest's kernel looks up those that a program uses. */
export const readDirectoryWithoutAttributes: FuseOperation = readDirectoryWith(() =>
  Promise.resolve(),
);

const releaseDirectory: FuseOperation = (context, { body }) => {
  const directory = context.handles.releaseDirectory(body.readBigUInt64LE(0));
  if (directory !== null) releaseListing(context, directory);
  return EMPTY;
};

const syncDirectory: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'read');
  if (!mount.provider.isReadonly) await mount.provider.sync(node, null, false);
  return EMPTY;
};

export const DIRECTORY_OPERATIONS: Readonly<Record<number, FuseOperation>> = {
  [OPCODE.OPENDIR]: openDirectory,
  [OPCODE.READDIR]: readDirectory,
  [OPCODE.READDIRPLUS]: readDirectoryPlus,
  [OPCODE.RELEASEDIR]: releaseDirectory,
  [OPCODE.FSYNCDIR]: syncDirectory,
};
