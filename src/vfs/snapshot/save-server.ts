import { GondolinError } from '../../errors/gondolin-error.ts';
import type { FuseContext } from '../fuse/context.ts';
import type { OpenDirectory } from '../fuse/handles.ts';
import type { Listing } from '../listing/listing.ts';
import { type HeldNode, keepsData, type Mount, type ToldAttributes } from '../nodes/node-table.ts';
import {
  type DirectoryState,
  type FuseState,
  MAX_STATE_ENTRIES,
  MAX_STATE_NAMES,
  MAX_STATE_NODES,
  type MountState,
  NO_FILE,
  type ToldState,
} from './fuse-state.ts';

/** Returns SNAPSHOT_UNSUPPORTED, naming the mount by its number as VFS_MOUNT_FAILED does. */
function unsupported(mount: Mount, why: string, cause?: unknown): GondolinError {
  return new GondolinError(
    'SNAPSHOT_UNSUPPORTED',
    `mount ${mount.index + 1} (${mount.name}) cannot be saved: ${why}`,
    { ...(cause === undefined ? {} : { cause }), details: { mount: mount.index + 1 } },
  );
}

/** Returns the provider's state. Adds the mount to its SNAPSHOT_UNSUPPORTED. */
async function saveProvider(
  mount: Mount,
  nodes: readonly HeldNode[],
  handles: readonly object[],
): Promise<unknown> {
  if (mount.provider.snapshot === undefined)
    throw unsupported(mount, 'its provider has no `snapshot`');
  try {
    return await mount.provider.snapshot.save(
      nodes.map(({ node }) => node),
      handles,
    );
  } catch (error) {
    if (!GondolinError.is(error) || error.code !== 'SNAPSHOT_UNSUPPORTED') throw error;
    throw unsupported(mount, error.message, error);
  }
}

async function saveMount(context: FuseContext, mount: Mount): Promise<MountState> {
  const nodes = [...context.ids.all()].filter((held) => held.mount === mount);
  const places = new Map(nodes.map((held, place) => [held, place] as const));
  const byId = new Map(nodes.map((held, place) => [held.id, place] as const));
  // A handle whose node a hostile guest forgot cannot be found again and is left out.
  const files = [...context.handles.files()].filter(([, { held }]) => places.has(held));
  const isPlaced = ([, { held }]: readonly [number, OpenDirectory]) => places.has(held);
  const directories = [...context.handles.directories()].filter(isPlaced);
  const reads = [...context.reads.all()].filter(isPlaced);
  const listed = [...directories, ...reads].reduce(
    (sum, [, { listing }]) => sum + (listing?.length ?? 0),
    0,
  );
  if (nodes.length > MAX_STATE_NODES) throw unsupported(mount, 'the guest holds too many files');
  if (listed > MAX_STATE_ENTRIES) throw unsupported(mount, 'too many entries are being listed');
  const handles = files.map(([, { handle }]) => handle);
  return {
    name: mount.name,
    provider: await saveProvider(mount, nodes, handles),
    nodes: nodes.map(({ id, lookups }) => [id, lookups] as const),
    files: files.map(([id, { held }]) => [id, places.get(held) ?? 0] as const),
    directories: directories.map((one) => savedDirectory(one, places)),
    reads: reads.map((one) => savedDirectory(one, places)),
    told: [
      ...context.recent.entries().flatMap(([nodeId, attributes]) => {
        const node = byId.get(nodeId);
        return node === undefined ? [] : [savedAttributes(node, attributes)];
      }),
      ...nodes.flatMap(({ told }, node) => (told === null ? [] : [savedAttributes(node, told)])),
    ],
    names: savedNames(mount, nodes, byId),
  };
}

function savedDirectory(
  [id, { held, listing }]: readonly [number, OpenDirectory],
  places: ReadonlyMap<HeldNode, number>,
): DirectoryState {
  const entries = listing === null ? null : savedEntries(listing);
  return { id, node: places.get(held) ?? 0, entries };
}

function savedAttributes(
  node: number,
  { mode, ino, sizeBytes, mtimeNs, ctimeNs }: Omit<ToldAttributes, 'atMs' | 'isSettled'>,
): ToldState {
  const times = { mtimeNs: `${mtimeNs}`, ctimeNs: `${ctimeNs}` };
  return { node, keepsData: keepsData(mode), ino: `${ino}`, sizeBytes, ...times };
}

function savedNames(
  mount: Mount,
  nodes: readonly HeldNode[],
  byId: ReadonlyMap<number, number>,
): MountState['names'] {
  const saved = nodes.flatMap(({ names }, directory) =>
    [...(names ?? [])].map(([name, id]) => [directory, name, byId.get(id) ?? NO_FILE] as const),
  );
  if (saved.length > MAX_STATE_NAMES) throw unsupported(mount, 'the guest knows too many names');
  return saved;
}

function savedEntries(listing: Listing): DirectoryState['entries'] {
  return [...listing.entries()].map(({ name, type, ino }) => [name, type, `${ino}`] as const);
}

/** Returns a server's state. @throws {GondolinError} SNAPSHOT_UNSUPPORTED naming the mount that cannot be saved. */
export async function saveServer(
  context: FuseContext,
  own: Pick<FuseState, 'bytesIn' | 'bytesOut' | 'user'>,
): Promise<FuseState> {
  return {
    version: 4,
    ...own,
    nextNodeId: context.ids.nextId,
    nextHandleId: context.handles.nextId,
    lost: [...context.handles.lost],
    sources: context.numbers.sources,
    mounts: await Promise.all(
      [...context.mounts.values()].map((mount) => saveMount(context, mount)),
    ),
  };
}
