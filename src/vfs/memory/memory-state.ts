import { integer, list, object, text, tuple } from '../../util/json-decoder.ts';
import { S_IFDIR, S_IFMT } from '../file-mode.ts';
import { MAX_STATE_HANDLES, MAX_STATE_NODES } from '../snapshot/fuse-state.ts';
import { digits, readState, refuseState, savedName } from '../snapshot/read-state.ts';

export interface SavedInode {
  readonly ino: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** Access, modification and change time, in ns. */
  readonly times: readonly string[];
  readonly sizeBytes: number;
  /** Offset and bytes (base64) of each part that is not a hole. */
  readonly parts: readonly (readonly [number, string])[];
  /** Target of a symbolic link, base64; empty for others. */
  readonly target: string;
  /** Name and value (base64) of each extended attribute. */
  readonly attributes: readonly (readonly [string, string])[];
  /** Name and index in `inodes` of each entry. */
  readonly children: readonly (readonly [string, number])[];
}

export interface MemoryState {
  readonly nextIno: string;
  /** The root first, each directory before its entries. */
  readonly inodes: readonly SavedInode[];
  /** Index in `inodes` of each node of the server. */
  readonly nodes: readonly number[];
  /** Index in `inodes` and flags of each handle. */
  readonly handles: readonly (readonly [number, number])[];
}

const MAX_TARGET_LENGTH = 8_192;
const MAX_PARTS = 65_536;
/** A chunk of 64 KiB as base64. */
const MAX_PART_LENGTH = 87_384;
const MAX_ATTRIBUTE_NAME = 255;
const MAX_ATTRIBUTES = 32_768;
const MAX_ID = 0xffff_ffff;
const MAX = Number.MAX_SAFE_INTEGER;

const id = integer({ max: MAX_ID });

const inode = object<SavedInode>({
  ino: digits,
  mode: integer({ max: 0o177777 }),
  uid: id,
  gid: id,
  rdev: id,
  times: tuple<[string, string, string]>(digits, digits, digits),
  sizeBytes: integer(),
  parts: list(
    tuple<[number, string]>(
      integer({ max: MAX - MAX_PART_LENGTH }),
      text({ maxLength: MAX_PART_LENGTH }),
    ),
    { maxLength: MAX_PARTS },
  ),
  target: text({ maxLength: MAX_TARGET_LENGTH }),
  attributes: list(
    tuple<[string, string]>(
      text({ maxLength: MAX_ATTRIBUTE_NAME }),
      text({ maxLength: MAX_PART_LENGTH }),
    ),
    { maxLength: MAX_ATTRIBUTES },
  ),
  children: list(tuple<[string, number]>(savedName, integer({ min: 1, max: MAX_STATE_NODES })), {
    maxLength: MAX_STATE_NODES,
  }),
});

const memoryState = object<MemoryState>({
  nextIno: digits,
  inodes: list(inode, { maxLength: MAX_STATE_NODES }),
  nodes: list(integer(), { maxLength: MAX_STATE_NODES }),
  handles: list(tuple<[number, number]>(integer(), id), { maxLength: MAX_STATE_HANDLES }),
});

const isDirectory = ({ mode }: SavedInode) => (mode & S_IFMT) === S_IFDIR;

/** Checks that directories form a tree: each has one parent, which precedes it. */
function assertTree(inodes: readonly SavedInode[]): void {
  const seen = new Set<number>();
  for (const [place, inode] of inodes.entries()) {
    const isReached = place === 0 || seen.has(place) || !isDirectory(inode);
    if (inode.children.length > 0 && !(isDirectory(inode) && isReached)) {
      throw refuseState('children of what is no directory');
    }
    for (const [, child] of inode.children) {
      const target = inodes[child];
      const isWrong =
        target !== undefined && isDirectory(target) && (child <= place || seen.has(child));
      if (target === undefined || isWrong) throw refuseState('tree of memory files');
      seen.add(child);
    }
  }
}

/** Checks untrusted JSON. @throws {GondolinError} SNAPSHOT_REFUSED naming the malformed part. */
export function readMemoryState(value: unknown): MemoryState {
  const state = readState(value, memoryState);
  const { inodes, nodes, handles } = state;
  if (inodes[0] === undefined || !isDirectory(inodes[0])) throw refuseState('root of memory files');
  assertTree(inodes);
  const places = [...nodes, ...handles.map(([place]) => place)];
  if (places.some((place) => place >= inodes.length)) throw refuseState('place of a memory file');
  return state;
}
