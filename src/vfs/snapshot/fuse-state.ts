import { S_IFMT } from '../file-mode.ts';
import type { Caller } from '../provider.ts';
import {
  readDigits,
  readInteger,
  readList,
  readRecord,
  readSavedName,
  readText,
  readTuple,
  refuseState,
} from './read-state.ts';

/** Attributes of a file that the guest received and may still use. Numbers beyond 2^53 are decimal text. */
export interface RecentState {
  /** Index in the mount's `nodes`. */
  readonly node: number;
  readonly isLink: boolean;
  readonly ino: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

export interface DirectoryState {
  readonly id: number;
  readonly node: number;
  /** The listing that its offsets index: name, type and inode number of each entry; null before the first read. */
  readonly entries: readonly (readonly [string, number, string])[] | null;
}

export interface MountState {
  readonly name: string;
  /** The provider's own state of `nodes` and `files`, in their order; the provider checks it. */
  readonly provider: unknown;
  /** Node id and lookups that the guest has not forgotten. */
  readonly nodes: readonly (readonly [number, number])[];
  /** Handle id and index in `nodes`. */
  readonly files: readonly (readonly [number, number])[];
  readonly directories: readonly DirectoryState[];
  readonly told: readonly RecentState[];
}

/** A file server's part of a saved machine, as plain JSON. Locks and the result of INIT are in the guest's memory. */
export interface FuseState {
  readonly version: 2;
  /** Totals of the channel since the machine's start, in bytes. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Guest user who owns the host user's files: needed before the guest can be asked. */
  readonly user: Caller;
  /** Lowest unused ids. */
  readonly nextNodeId: number;
  readonly nextHandleId: number;
  /** Open handles whose file no longer exists: they fail with ESTALE. */
  readonly lost: readonly number[];
  /** File systems in the order of their inode numbers (see InodeNumbers). */
  readonly sources: readonly string[];
  readonly mounts: readonly MountState[];
}

/** Bounds of a state, when it is saved and when it is read. */
export const MAX_STATE_NODES = 1_000_000;
export const MAX_STATE_HANDLES = 65_536;
export const MAX_STATE_ENTRIES = 1_000_000;
const MAX_STATE_MOUNTS = 256;
const MAX_SOURCES = 16;
const MAX_SOURCE_LENGTH = 24;

const MAX_IDS = 2 * MAX_STATE_NODES;
const MAX_ID = 0xffff_fffe;
const FIRST_NODE_ID = 2;
const MAX = Number.MAX_SAFE_INTEGER;

function readMount(value: unknown, seen: { nodes: Set<number>; handles: Set<number> }): MountState {
  const mount = readRecord<MountState>(value, 'mount');
  const nodes = readList(mount.nodes, MAX_STATE_NODES, 'nodes').map((item) => {
    const [id, lookups] = readTuple(item, 2, 'node');
    return [
      readNewId(id, FIRST_NODE_ID, seen.nodes, 'node id'),
      readInteger(lookups, 1, MAX, 'lookups'),
    ] as const;
  });
  const place = (node: unknown) => readInteger(node, 0, nodes.length - 1, 'place of a node');
  const handleId = (id: unknown) => readNewId(id, 1, seen.handles, 'handle id');
  return {
    name: readText(mount.name, 64, 'mount name'),
    provider: mount.provider,
    nodes,
    files: readList(mount.files, MAX_STATE_HANDLES, 'files').map((item) => {
      const [id, node] = readTuple(item, 2, 'file');
      return [handleId(id), place(node)] as const;
    }),
    directories: readList(mount.directories, MAX_STATE_HANDLES, 'directories').map((item) => {
      const { id, node, entries } = readRecord<DirectoryState>(item, 'directory');
      return { id: handleId(id), node: place(node), entries: readEntries(entries) };
    }),
    told: readList(mount.told, MAX_STATE_NODES, 'attributes').map((item) => {
      const { node, isLink, ino, sizeBytes, mtimeNs, ctimeNs } = readRecord<RecentState>(
        item,
        'attributes',
      );
      return {
        node: place(node),
        isLink: isLink === true,
        ino: readDigits(ino, 'ino'),
        sizeBytes: readInteger(sizeBytes, 0, MAX, 'size'),
        mtimeNs: readDigits(mtimeNs, 'time'),
        ctimeNs: readDigits(ctimeNs, 'time'),
      };
    }),
  };
}

function readNewId(value: unknown, low: number, seen: Set<number>, part: string): number {
  const id = readInteger(value, low, MAX, part);
  if (seen.has(id)) throw refuseState(`${part} twice`);
  seen.add(id);
  if (seen.size > MAX_IDS) throw refuseState(`too many of ${part}`);
  return id;
}

function readEntries(value: unknown): DirectoryState['entries'] {
  if (value === null) return null;
  return readList(value, MAX_STATE_ENTRIES, 'listing').map((item) => {
    const [name, type, ino] = readTuple(item, 3, 'entry');
    const isDots = name === '.' || name === '..';
    return [
      isDots ? name : readSavedName(name, 'entry'),
      readInteger(type, 0, S_IFMT, 'file type') & S_IFMT,
      readDigits(ino, 'ino'),
    ] as const;
  });
}

/**
 * Checks untrusted JSON, except the providers' own states, which they check themselves.
 * @throws {GondolinError} SNAPSHOT_REFUSED naming the malformed part.
 */
export function readFuseState(value: unknown): FuseState {
  const state = readRecord<FuseState>(value, 'not an object');
  if (state.version !== 2) throw refuseState('version');
  const seen = { nodes: new Set<number>(), handles: new Set<number>() };
  const lost = readList(state.lost, MAX_STATE_HANDLES, 'lost handles');
  const lostIds = lost.map((id) => readNewId(id, 1, seen.handles, 'handle id'));
  const mounts = readList(state.mounts, MAX_STATE_MOUNTS, 'mounts');
  return {
    version: 2,
    bytesIn: readInteger(state.bytesIn, 0, MAX, 'bytes'),
    bytesOut: readInteger(state.bytesOut, 0, MAX, 'bytes'),
    user: readUser(state.user),
    lost: lostIds,
    sources: readList(state.sources, MAX_SOURCES, 'file systems').map((source) =>
      readText(source, MAX_SOURCE_LENGTH, 'file system'),
    ),
    mounts: mounts.map((mount) => readMount(mount, seen)),
    nextNodeId: readInteger(state.nextNodeId, above(seen.nodes, FIRST_NODE_ID), MAX, 'next node'),
    nextHandleId: readInteger(state.nextHandleId, above(seen.handles, 1), MAX, 'next handle'),
  };
}

function readUser(value: unknown): Caller {
  const { uid, gid } = readRecord<Caller>(value, 'user');
  return { uid: readInteger(uid, 0, MAX_ID, 'uid'), gid: readInteger(gid, 0, MAX_ID, 'gid') };
}

/** Returns the lowest number above all ids, so that no later id is used twice. */
function above(ids: ReadonlySet<number>, lowest: number): number {
  let next = lowest;
  for (const id of ids) next = Math.max(next, id + 1);
  return next;
}
