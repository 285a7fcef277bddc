import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import type { TurnQueue } from '../../util/turn-scheduler.ts';
import type { RequestReservation } from '../bounds/request-reservation.ts';
import type { Listings } from '../listing/listings.ts';
import type { GuestView, NamePlace } from '../live/guest-view.ts';
import type { LiveFiles } from '../live/live-files.ts';
import type { InodeNumbers } from '../nodes/inode-numbers.ts';
import { type HeldNode, type Mount, type NodeTable, withUniqueIno } from '../nodes/node-table.ts';
import type { RecentAttributes } from '../nodes/recent-attributes.ts';
import type { Attributes, Caller, MaybePromise, VfsNode } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { DirectoryReads } from './directory-reads.ts';
import { ENTRY_BYTES, encodeReply, writeEntry } from './encode.ts';
import type { Handles } from './handles.ts';
import type { NewFiles } from './written-files.ts';

/** Tables and services that the operations of one server share. */
export interface FuseContext {
  readonly mounts: ReadonlyMap<string, Mount>;
  readonly ids: NodeTable;
  readonly handles: Handles;
  readonly reads: DirectoryReads;
  /** True when a mount has extended attributes, with access control lists among them: the guest's kernel enforces these. */
  readonly keepsAcls: boolean;
  /** False when the guest's kernel is to read directories without opening them. */
  readonly opensDirectories: boolean;
  readonly numbers: InodeNumbers;
  /** Attributes that the guest received lately. */
  readonly recent: RecentAttributes;
  readonly view: GuestView;
  readonly live: LiveFiles;
  readonly listings: Listings;
  readonly turns: TurnQueue;
  readonly newFiles: NewFiles;
}

/** Body of a reply; `whole` is a complete message, header included; `none` for requests without a reply. */
export type FuseReply = Buffer | { readonly whole: Buffer } | 'none';

/** Serves one opcode. Throws or rejects with the errno of the reply; GUEST_PROTOCOL ends the server. */
export type FuseOperation = (
  context: FuseContext,
  request: FuseRequest,
  room: RequestReservation,
) => MaybePromise<FuseReply>;

export type FuseOperations = Readonly<Record<number, FuseOperation>>;

/** Returns a reply that goes right after a message for the agent. */
export function after(message: Buffer, { unique }: FuseRequest, reply: FuseReply): FuseReply {
  if (reply === 'none') return reply;
  const whole = 'whole' in reply ? reply.whole : encodeReply(unique, 0, reply);
  return { whole: Buffer.concat([message, whole]) };
}

export const EMPTY: Buffer = Buffer.alloc(0);

/** Returns the node that a request names. @throws {VfsError} ESTALE, or EROFS to write on a read-only mount. */
export function target(
  context: FuseContext,
  request: FuseRequest,
  use: 'read' | 'write',
): HeldNode {
  const held = context.ids.get(request.nodeId);
  if (use === 'write') assertWritable(held.mount);
  return held;
}

/** @throws {VfsError} EROFS on a read-only mount. */
export function assertWritable(mount: Mount): void {
  if (mount.provider.isReadonly) throw new VfsError('EROFS');
}

export function caller({ uid, gid }: FuseRequest): Caller {
  return { uid, gid };
}

/** Reads the attributes that the guest is to receive, and for how long it may use them, in milliseconds. */
export async function tellAttributes(
  { view }: FuseContext,
  held: HeldNode,
): Promise<{ readonly attributes: Attributes; readonly ttlMs: number }> {
  const { mount, node } = held;
  // A change after this is reported, and one before it is in the attributes.
  const watched = view.watchAttributes(held);
  const attributes = withUniqueIno(mount, await mount.provider.attributes(node));
  return { attributes, ttlMs: view.told(held, attributes, watched) };
}

/**
 * Counts a lookup of `node` and writes its struct fuse_entry_out into `reply`.
 * @param place  The name that leads to it, from `GuestView.place` before it was looked up; null for the root of a mount.
 */
export async function enter(
  context: FuseContext,
  place: NamePlace | null,
  mount: Mount,
  node: VfsNode,
  reply: Buffer = Buffer.alloc(ENTRY_BYTES),
  offset = 0,
): Promise<Buffer> {
  const { ids, view } = context;
  const held = ids.addLookup(mount, node);
  try {
    const nameMs = place === null ? mount.provider.ttlMs : view.entered(place, held);
    const { attributes, ttlMs: attributesMs } = await tellAttributes(context, held);
    writeEntry(reply, offset, held.id, attributes, { nameMs, attributesMs });
    return reply;
  } catch (error) {
    if (place !== null) view.dropped(place.directory, place.name);
    ids.forget(held.id, 1n);
    throw error;
  }
}
