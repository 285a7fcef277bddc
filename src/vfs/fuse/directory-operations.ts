import { ERRNO } from '../../protocol/errno.ts';
import { MAX_TRANSFER_BYTES, OPCODE, ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import { MAX_DIRECTORY_REPLY_BYTES } from '../bounds/limits.ts';
import type { RequestReservation } from '../bounds/request-reservation.ts';
import { readDirent, writePosition } from '../listing/dirent.ts';
import type { Listing } from '../listing/listing.ts';
import { toErrno, VfsError } from '../vfs-error.ts';
import {
  EMPTY,
  enter,
  type FuseContext,
  type FuseOperation,
  type FuseOperations,
  target,
} from './context.ts';
import { readOffset } from './decode.ts';
import type { DirectoryRead } from './directory-reads.ts';
import { ENTRY_BYTES, encodeOpen } from './encode.ts';
import type { OpenDirectory } from './handles.ts';

/** `.` and `..` come first in a listing and are never looked up. */
const DOTS = 2;

/**
 * A kernel that gets ENOSYS opens and closes no directory any more, and keeps each listing until the directory's times change or a
 * notification drops it. Hooks see directories being opened.
 */
const openDirectory: FuseOperation = (context, request) => {
  if (request.nodeId === ROOT_NODE_ID) throw new VfsError('EACCES');
  if (!context.opensDirectories) throw new VfsError('ENOSYS');
  context.handles.assertRoom();
  return encodeOpen(context.handles.addDirectory(target(context, request, 'read')), 0);
};

/** Returns the listing that an index is of; makes a new one when reading starts over. */
async function listingAt(
  { listings, reads }: FuseContext,
  directory: OpenDirectory,
  index: number,
): Promise<Listing> {
  if (directory.listing !== null && index > 0) return directory.listing;
  const drops = directory.held.listingDrops;
  const made = await listings.make(directory.held).catch((error: unknown) => {
    // Programs that stopped reading in the middle must not keep others from it.
    if (toErrno(error) !== ERRNO.ENOMEM || !reads.endOthers(directory)) throw error;
    return listings.make(directory.held);
  });
  const old = directory.listing;
  directory.listing = made;
  directory.drops = drops;
  if (old !== null) listings.release(directory.held, old);
  return made;
}

/** Returns what a READDIR reads: a directory that is open, or one that the kernel did not open, whose handle is 0. */
function readAt(context: FuseContext, request: FuseRequest): DirectoryRead {
  const [fh, position] = [request.body.readBigUInt64LE(0), readOffset(request.body, 8)];
  if (fh === 0n) return context.reads.at(target(context, request, 'read'), position);
  return { id: 0, directory: context.handles.directory(fh), index: position, base: 0 };
}

/** A listing, from an index, with the reply to fill. */
interface ListingReply extends DirectoryRead {
  readonly listing: Listing;
  readonly reply: Buffer;
}

/** Runs `action` with the listing that a READDIR names; it stays valid meanwhile, whatever the guest releases. */
async function readListing(
  context: FuseContext,
  request: FuseRequest,
  room: RequestReservation,
  action: (found: ListingReply) => Promise<number>,
): Promise<Buffer> {
  const sizeBytes = request.body.readUInt32LE(16);
  if (sizeBytes > MAX_TRANSFER_BYTES) throw new VfsError('EINVAL');
  const read = readAt(context, request);
  const { directory, index } = read;
  // Before it is listed, so that a change after that is reported.
  context.view.watches(directory.held);
  const listing = await listingAt(context, directory, index);
  listing.users++;
  if (directory.isReleased) releaseListing(context, directory);
  try {
    const replyBytes = Math.min(sizeBytes, MAX_DIRECTORY_REPLY_BYTES);
    await room.reserve(replyBytes);
    const reply = Buffer.alloc(replyBytes);
    const used = await action({ ...read, listing, reply });
    if (used === 0 && read.id > 0) finishRead(context, read);
    return reply.subarray(0, used);
  } finally {
    context.listings.release(directory.held, listing);
  }
}

/**
 * Ends a read at the end of the directory, where the guest's kernel starts to keep the listing. A notification during the read may
 * have reached the kernel before it stored the entries of an earlier reply: such a listing is dropped once more.
 */
function finishRead({ reads, view, live }: FuseContext, { id, directory }: DirectoryRead): void {
  reads.end(id);
  const { held, drops } = directory;
  const isStale = held.listingDrops !== drops;
  if (isStale || !view.watches(held)) setImmediate(() => live.dropListing(held));
}

function releaseListing({ listings }: FuseContext, directory: OpenDirectory): void {
  if (directory.listing !== null) listings.release(directory.held, directory.listing);
  directory.listing = null;
}

/** Writes what struct fuse_direntplus has before the name of an entry. */
type EnterEntry = typeof enterChild;

/** Lists names; with `enterEntry` their attributes as well. */
function readDirectoryWith(enterEntry: EnterEntry | null): FuseOperation {
  const headBytes = enterEntry === null ? 0 : ENTRY_BYTES;
  const fill = async (context: FuseContext, found: ListingReply): Promise<number> => {
    const { listing, reply, directory, base } = found;
    let used = 0;
    for (let index = found.index; ; index++) {
      const dirent = listing.dirent(index);
      if (dirent === null || used + headBytes + dirent.length > reply.length) return used;
      if (context.turns.isSpent) await context.turns.next();
      if (index >= DOTS) await enterEntry?.(context, directory, dirent, reply, used);
      used += headBytes;
      dirent.copy(reply, used);
      writePosition(reply, used, base + index + 1);
      used += dirent.length;
    }
  };
  return (context, request, room) =>
    readListing(context, request, room, (found) => fill(context, found));
}

const readDirectory = readDirectoryWith(null);

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

export const DIRECTORY_OPERATIONS: FuseOperations = {
  [OPCODE.OPENDIR]: openDirectory,
  [OPCODE.READDIR]: readDirectory,
  [OPCODE.READDIRPLUS]: readDirectoryPlus,
  [OPCODE.RELEASEDIR]: releaseDirectory,
  [OPCODE.FSYNCDIR]: syncDirectory,
};
