import {
  anything,
  boolean,
  type Decoder,
  integer,
  list,
  literal,
  nullable,
  object,
  text,
  tuple,
} from '../../util/json-decoder.ts';
import { S_IFMT } from '../file-mode.ts';
import type { Caller } from '../provider.ts';
import { digits, readState, refuseState, savedName } from './read-state.ts';

/** Attributes of a file that the guest received and may still use. Numbers beyond 2^53 are decimal text. */
export interface ToldState {
  /** Index in the mount's `nodes`. */
  readonly node: number;
  /** True for what the guest keeps besides attributes: a link's target, a directory's listing. */
  readonly keepsData: boolean;
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
  /** Directories that are read without having been opened, with ids of their own. */
  readonly reads: readonly DirectoryState[];
  readonly told: readonly ToldState[];
  /** Names of directories that the guest uses without asking: index of the directory, name, index of the node or -1 for no file. */
  readonly names: readonly (readonly [number, string, number])[];
}

/** A file server's part of a saved machine, as plain JSON. Locks and the result of INIT are in the guest's memory. */
export interface FuseState {
  readonly version: 4;
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
export const MAX_STATE_NAMES = 1_000_000;
/** Index of a node: none has the name. */
export const NO_FILE = -1;
const MAX_STATE_MOUNTS = 256;
const MAX_SOURCES = 16;
const MAX_SOURCE_LENGTH = 24;
const MAX_MOUNT_NAME_LENGTH = 64;

const MAX_IDS = 2 * MAX_STATE_NODES;
const MAX_ID = 0xffff_fffe;
const FIRST_NODE_ID = 2;

const entryName: Decoder<string> = (value, field) =>
  value === '.' || value === '..' ? value : savedName(value, field);
const fileType: Decoder<number> = (value, field) => integer({ max: S_IFMT })(value, field) & S_IFMT;

const directories = list(
  object<DirectoryState>({
    id: integer({ min: 1 }),
    node: integer(),
    entries: nullable(
      list(tuple<[string, number, string]>(entryName, fileType, digits), {
        maxLength: MAX_STATE_ENTRIES,
      }),
    ),
  }),
  { maxLength: MAX_STATE_HANDLES },
);

const mountState = object<MountState>({
  name: text({ maxLength: MAX_MOUNT_NAME_LENGTH }),
  provider: anything,
  nodes: list(tuple<[number, number]>(integer({ min: FIRST_NODE_ID }), integer({ min: 1 })), {
    maxLength: MAX_STATE_NODES,
  }),
  files: list(tuple<[number, number]>(integer({ min: 1 }), integer()), {
    maxLength: MAX_STATE_HANDLES,
  }),
  directories,
  reads: directories,
  told: list(
    object<ToldState>({
      node: integer(),
      keepsData: boolean,
      ino: digits,
      sizeBytes: integer(),
      mtimeNs: digits,
      ctimeNs: digits,
    }),
    { maxLength: MAX_STATE_NODES },
  ),
  names: list(tuple<[number, string, number]>(integer(), savedName, integer({ min: NO_FILE })), {
    maxLength: MAX_STATE_NAMES,
  }),
});

const id = integer({ max: MAX_ID });
const fuseState = object<FuseState>({
  version: literal(4),
  bytesIn: integer(),
  bytesOut: integer(),
  user: object<Caller>({ uid: id, gid: id }),
  nextNodeId: integer({ min: FIRST_NODE_ID }),
  nextHandleId: integer({ min: 1 }),
  lost: list(integer({ min: 1 }), { maxLength: MAX_STATE_HANDLES }),
  sources: list(text({ maxLength: MAX_SOURCE_LENGTH }), { maxLength: MAX_SOURCES }),
  mounts: list(mountState, { maxLength: MAX_STATE_MOUNTS }),
});

/**
 * Checks untrusted JSON, except the providers' own states, which they check themselves.
 * @throws {GondolinError} SNAPSHOT_REFUSED naming the malformed part.
 */
export function readFuseState(value: unknown): FuseState {
  const state = readState(value, fuseState);
  const { mounts, lost } = state;
  for (const [index, mount] of mounts.entries()) assertPlaces(mount, `mounts[${index}]`);
  const nodes = mounts.map((mount) => mount.nodes.map(([node]) => node));
  assertNew('nextNodeId', state.nextNodeId, nodes);
  const handles = mounts.flatMap(({ files, directories }) => [
    files.map(([handle]) => handle),
    directories.map((directory) => directory.id),
  ]);
  assertNew('nextHandleId', state.nextHandleId, [lost, ...handles]);
  return state;
}

/** Checks that every place is that of a node of the mount. */
function assertPlaces(mount: MountState, field: string): void {
  const { nodes, files, told, names } = mount;
  const isPlace = (place: number) => place < nodes.length;
  const isWhole =
    files.every(([, place]) => isPlace(place)) &&
    [...mount.directories, ...mount.reads].every(({ node }) => isPlace(node)) &&
    told.every(({ node }) => isPlace(node)) &&
    names.every(([directory, , node]) => isPlace(directory) && (node === NO_FILE || isPlace(node)));
  if (!isWhole) throw refuseState(`${field}: place of a node`);
}

/** Checks that no id is there twice, and that the next one is above all, so that no later id is used twice. */
function assertNew(field: string, next: number, ids: readonly (readonly number[])[]): void {
  const seen = new Set<number>();
  for (const one of ids.flat()) {
    if (seen.has(one)) throw refuseState(`id ${one} twice`);
    if (one >= next) throw refuseState(`${field}: not above all ids`);
    seen.add(one);
    if (seen.size > MAX_IDS) throw refuseState('too many ids');
  }
}
