import { GondolinError } from '../../errors/gondolin-error.ts';
import type { FuseContext } from '../fuse/context.ts';
import type { StaleNode } from '../fuse/encode.ts';
import type { OpenDirectory } from '../fuse/handles.ts';
import type { ListedEntry } from '../listing/dirent.ts';
import type { Listing } from '../listing/listing.ts';
import type { Listings } from '../listing/listings.ts';
import { type HeldNode, type Mount, withUniqueIno } from '../nodes/node-table.ts';
import type { Attributes, VfsHandle, VfsNode } from '../provider.ts';
import type { FuseState, MountState, ToldState } from './fuse-state.ts';
import { refuseState } from './read-state.ts';

interface Restored {
  readonly nodes: HeldNode[];
  readonly files: (readonly [number, HeldNode, VfsHandle])[];
  readonly directories: (readonly [number, OpenDirectory])[];
  readonly lost: number[];
  /** Node ids and attributes of what the guest knows right. */
  readonly told: (readonly [number, Attributes])[];
  /** What the guest knows wrong by now. */
  readonly stale: StaleNode[];
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
  const found = snapshot.restore(saved.provider);
  const isWhole =
    found.nodes.length === saved.nodes.length && found.handles.length === saved.files.length;
  if (isWhole) return found;
  for (const handle of found.handles) if (handle !== null) await mount.provider.release(handle);
  throw refuseState('another number of nodes or handles');
}

/** One node of the provider is one node of the guest: a state that gives it two ids is forged. */
function assertDistinct(nodes: readonly HeldNode[]): void {
  if (new Set(nodes.map(({ node }) => node)).size !== nodes.length) throw refuseState('node twice');
}

async function restoreMount(
  listings: Listings,
  mount: Mount,
  saved: MountState,
  all: Restored,
): Promise<void> {
  const found = await restoreProvider(mount, saved);
  const nodes = saved.nodes.map(([id, lookups], place): HeldNode | null => {
    const node = found.nodes[place] ?? null;
    return node === null ? null : { id, mount, node, lookups, openedCtimeNs: null };
  });
  restoreHandles(listings, saved, nodes, found.handles, all);
  const present = nodes.filter((node) => node !== null);
  assertDistinct(present);
  for (const node of present) all.nodes.push(node);
  for (const told of saved.told) {
    const [nodeId] = saved.nodes[told.node] ?? [0];
    const held = nodes[told.node] ?? null;
    const attributes = held === null ? null : await attributesNow(held);
    if (attributes !== null && isStill(told, attributes)) all.told.push([nodeId, attributes]);
    else all.stale.push({ nodeId, isLink: told.isLink });
  }
}

function restoreHandles(
  listings: Listings,
  { files, directories }: MountState,
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
    const listed = entries?.map(([name, type, ino]) => ({
      name,
      type,
      ino: BigInt.asUintN(64, BigInt(ino)),
    }));
    const listing = listed === undefined ? null : restoreListing(listings, held, listed);
    all.directories.push([id, { held, listing, isReleased: false }]);
  }
}

function restoreListing(
  listings: Listings,
  held: HeldNode,
  entries: readonly ListedEntry[],
): Listing {
  const listing = listings.restore(held, entries);
  if (listing === null) throw refuseState('listings above the limit');
  return listing;
}

/** Null when the file is gone: the guest learns it when it asks. */
async function attributesNow({ mount, node }: HeldNode): Promise<Attributes | null> {
  try {
    return withUniqueIno(mount, await mount.provider.attributes(node));
  } catch (error) {
    if (GondolinError.is(error)) throw error;
    return null;
  }
}

/** True when the file is the one, and as, the guest was told. */
function isStill(told: ToldState, { ino, sizeBytes, mtimeNs, ctimeNs }: Attributes): boolean {
  return (
    sizeBytes === told.sizeBytes &&
    [ino, mtimeNs, ctimeNs].join() === [told.ino, told.mtimeNs, told.ctimeNs].join()
  );
}

/**
 * Goes on with what another server saved, on the files as they are now. The mounts must be started.
 * Gives the nodes whose attributes the guest would trust although they changed.
 * @throws {GondolinError} SNAPSHOT_REFUSED when the state does not fit these mounts or is not of its form.
 */
export async function restoreServer(
  context: FuseContext,
  state: FuseState,
): Promise<readonly StaleNode[]> {
  const all: Restored = {
    ...{ nodes: [], files: [], directories: [], lost: [...state.lost], told: [], stale: [] },
  };
  const mounts = [...context.mounts.values()];
  const isSame = mounts.every(({ name }, index) => name === state.mounts[index]?.name);
  if (!isSame || mounts.length !== state.mounts.length) throw refuseState('other mounts');
  context.numbers.restore(state.sources);
  let isWithinLimit = false;
  try {
    for (const [index, mount] of mounts.entries()) {
      const saved = state.mounts[index];
      if (saved !== undefined) await restoreMount(context.listings, mount, saved, all);
    }
  } finally {
    // Also when it failed: who closes the server closes what was opened.
    isWithinLimit = context.ids.restore(state.nextNodeId, all.nodes);
    context.handles.restore({ ...all, nextId: state.nextHandleId });
  }
  if (!isWithinLimit) throw refuseState('more files than the process may hold now');
  for (const [id, attributes] of all.told) context.recent.record(id, attributes);
  return all.stale;
}
