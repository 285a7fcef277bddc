import { GondolinError } from '../../errors/gondolin-error.ts';
import { type FuseContext, tellAttributes } from '../fuse/context.ts';
import type { OpenDirectory } from '../fuse/handles.ts';
import type { Listing } from '../listing/listing.ts';
import type { Listings } from '../listing/listings.ts';
import { currentEntry } from '../live/live-files.ts';
import { encodeStaleName, encodeStaleNode } from '../live/notification.ts';
import { type HeldNode, type Mount, newHeldNode } from '../nodes/node-table.ts';
import type { Attributes, VfsHandle, VfsNode } from '../provider.ts';
import {
  type DirectoryState,
  type FuseState,
  type MountState,
  NO_FILE,
  type ToldState,
} from './fuse-state.ts';
import { refuseState } from './read-state.ts';

interface Restored {
  readonly nodes: HeldNode[];
  readonly files: (readonly [number, HeldNode, VfsHandle])[];
  readonly directories: (readonly [number, OpenDirectory])[];
  readonly reads: (readonly [number, OpenDirectory])[];
  readonly lost: number[];
  /** Notifications of what changed. */
  readonly stale: Buffer[];
}

async function restoreProvider(
  mount: Mount,
  saved: MountState,
): Promise<{
  readonly nodes: readonly (VfsNode | null)[];
  readonly handles: readonly (VfsHandle | null)[];
}> {
  const { snapshot } = mount.provider;
  if (snapshot === undefined) throw refuseState(`mount ${mount.index + 1} cannot be restored`);
  const found = await snapshot.restore(saved.provider);
  const isWhole =
    found.nodes.length === saved.nodes.length && found.handles.length === saved.files.length;
  if (isWhole) return found;
  for (const handle of found.handles) if (handle !== null) await mount.provider.release(handle);
  throw refuseState('wrong number of nodes or handles');
}

/** Refuses a forged state in which one node of a provider has two ids. */
function assertDistinct(nodes: readonly HeldNode[]): void {
  if (new Set(nodes.map(({ node }) => node)).size !== nodes.length) throw refuseState('node twice');
}

async function restoreMount(
  context: FuseContext,
  mount: Mount,
  saved: MountState,
  all: Restored,
): Promise<void> {
  const found = await restoreProvider(mount, saved);
  const nodes = saved.nodes.map(([id, lookups], place): HeldNode | null => {
    const node = found.nodes[place] ?? null;
    return node === null ? null : newHeldNode(id, mount, node, lookups);
  });
  restoreHandles(context.listings, saved, nodes, found.handles, all);
  const present = nodes.filter((node) => node !== null);
  assertDistinct(present);
  for (const node of present) all.nodes.push(node);
  restoreNames(context, saved, nodes, all);
  for (const told of saved.told) {
    const [nodeId] = saved.nodes[told.node] ?? [0];
    const held = nodes[told.node] ?? null;
    const attributes = held === null ? null : await readAttributes(context, held);
    // The guest must not go by a long validity for what nobody watches any more.
    const isKept = held?.told !== null || mount.provider.changes === undefined;
    if (attributes !== null && isUnchanged(told, attributes) && isKept) continue;
    if (held !== null) held.told = null;
    context.recent.forget(nodeId);
    all.stale.push(encodeStaleNode({ nodeId, dropsData: told.keepsData }));
  }
}

/** Restores the names that lead where they led; the guest is notified of the others. */
function restoreNames(
  context: FuseContext,
  saved: MountState,
  nodes: readonly (HeldNode | null)[],
  all: Restored,
): void {
  for (const [directoryIndex, name, index] of saved.names) {
    const [directoryId] = saved.nodes[directoryIndex] ?? [0];
    const directory = nodes[directoryIndex] ?? null;
    const held = nodes[index] ?? null;
    const isPresent = directory !== null && (held !== null || index === NO_FILE);
    if (isPresent && restoreName(context, directory, name, held)) continue;
    all.stale.push(encodeStaleName({ directoryId, name }));
  }
}

/** Returns true when the guest may go by a name that led to `held`, or to nothing. */
function restoreName(
  { view }: FuseContext,
  directory: HeldNode,
  name: string,
  held: HeldNode | null,
): boolean {
  const place = view.place(directory, name);
  if (!place.isWatched) return false;
  const current = currentEntry(directory, name);
  if (held === null ? current !== null : current?.node !== held.node) return false;
  if (held === null) view.absent(place);
  else view.entered(place, held);
  return directory.names?.has(name) === true;
}

function restoreHandles(
  listings: Listings,
  { files, directories, reads }: MountState,
  nodes: readonly (HeldNode | null)[],
  handles: readonly (VfsHandle | null)[],
  all: Restored,
): void {
  for (const [index, [id, place]] of files.entries()) {
    const [held, handle] = [nodes[place] ?? null, handles[index] ?? null];
    if (held !== null && handle !== null) all.files.push([id, held, handle]);
    else all.lost.push(id);
  }
  for (const { id, node: place, entries } of directories) {
    const held = nodes[place] ?? null;
    if (held === null) {
      all.lost.push(id);
      continue;
    }
    all.directories.push([id, restoreDirectory(listings, held, entries)]);
  }
  for (const { id, node: place, entries } of reads) {
    const held = nodes[place] ?? null;
    // Else the guest's read starts again, and fails.
    if (held !== null) all.reads.push([id, restoreDirectory(listings, held, entries)]);
  }
}

function restoreDirectory(
  listings: Listings,
  held: HeldNode,
  entries: DirectoryState['entries'],
): OpenDirectory {
  const listing = entries === null ? null : restoreListing(listings, held, entries);
  return { held, listing, drops: -1, isReleased: false };
}

function restoreListing(
  listings: Listings,
  held: HeldNode,
  entries: NonNullable<DirectoryState['entries']>,
): Listing {
  const listed = entries.map(([name, type, ino]) => ({
    name,
    type,
    ino: BigInt.asUintN(64, BigInt(ino)),
  }));
  const listing = listings.restore(held, listed);
  if (listing === null) throw refuseState('listings above the limit');
  return listing;
}

/** Reads a node's attributes. Null when the file is gone, which the guest learns when it asks. */
async function readAttributes(context: FuseContext, held: HeldNode): Promise<Attributes | null> {
  try {
    return (await tellAttributes(context, held)).attributes;
  } catch (error) {
    if (GondolinError.is(error)) throw error;
    return null;
  }
}

/** True when the file and its attributes are those that the guest received. */
function isUnchanged(told: ToldState, { ino, sizeBytes, mtimeNs, ctimeNs }: Attributes): boolean {
  return (
    sizeBytes === told.sizeBytes &&
    [ino, mtimeNs, ctimeNs].join() === [told.ino, told.mtimeNs, told.ctimeNs].join()
  );
}

/**
 * Restores the state of a saved server, on the files as they are now. The mounts must be started.
 * Returns notifications of what the guest would still use although it changed.
 * @throws {GondolinError} SNAPSHOT_REFUSED when the state does not fit these mounts or is malformed.
 */
export async function restoreServer(
  context: FuseContext,
  state: FuseState,
): Promise<readonly Buffer[]> {
  const all: Restored = {
    nodes: [],
    files: [],
    directories: [],
    reads: [],
    lost: [...state.lost],
    stale: [],
  };
  const mounts = [...context.mounts.values()];
  const isSame = mounts.every(({ name }, index) => name === state.mounts[index]?.name);
  if (!isSame || mounts.length !== state.mounts.length) throw refuseState('other mounts');
  context.numbers.restore(state.sources);
  let isWithinLimit = false;
  try {
    for (const [index, mount] of mounts.entries()) {
      const saved = state.mounts[index];
      if (saved !== undefined) await restoreMount(context, mount, saved, all);
    }
  } finally {
    // After a failure too, so that closing the server closes the files that were opened.
    isWithinLimit = context.ids.restore(state.nextNodeId, all.nodes);
    context.handles.restore({ ...all, nextId: state.nextHandleId });
    context.reads.restore(all.reads);
  }
  if (!isWithinLimit) throw refuseState('more files than the process may hold now');
  return all.stale;
}
