import { S_IFDIR, S_IFMT } from '../file-mode.ts';
import { MAX_STATE_HANDLES, MAX_STATE_NODES } from '../snapshot/fuse-state.ts';
import {
  readDigits,
  readInteger,
  readList,
  readRecord,
  readSavedName,
  readText,
  readTuple,
  refuseState,
} from '../snapshot/read-state.ts';

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
const MAX_ID = 0xffff_ffff;
const MAX = Number.MAX_SAFE_INTEGER;

function readInode(value: unknown): SavedInode {
  const inode = readRecord<SavedInode>(value, 'memory file');
  const number = (item: unknown) => readInteger(item, 0, MAX_ID, 'number of a memory file');
  return {
    ino: readDigits(inode.ino, 'inode'),
    mode: readInteger(inode.mode, 0, 0o177777, 'mode'),
    uid: number(inode.uid),
    gid: number(inode.gid),
    rdev: number(inode.rdev),
    times: readTuple(inode.times, 3, 'times').map((time) => readDigits(time, 'time')),
    sizeBytes: readInteger(inode.sizeBytes, 0, MAX, 'size'),
    parts: readList(inode.parts, MAX_PARTS, 'content').map((item) => {
      const [offset, text] = readTuple(item, 2, 'content');
      const from = readInteger(offset, 0, MAX - MAX_PART_LENGTH, 'offset');
      return [from, readText(text, MAX_PART_LENGTH, 'content')] as const;
    }),
    target: readText(inode.target, MAX_TARGET_LENGTH, 'link'),
    children: readList(inode.children, MAX_STATE_NODES, 'children').map((item) => {
      const [name, place] = readTuple(item, 2, 'child');
      return [
        readSavedName(name, 'name'),
        readInteger(place, 1, MAX_STATE_NODES, 'child'),
      ] as const;
    }),
  };
}

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
  const state = readRecord<MemoryState>(value, 'memory files');
  const inodes = readList(state.inodes, MAX_STATE_NODES, 'memory files').map(readInode);
  if (inodes[0] === undefined || !isDirectory(inodes[0])) throw refuseState('root of memory files');
  assertTree(inodes);
  const place = (item: unknown) =>
    readInteger(item, 0, inodes.length - 1, 'place of a memory file');
  return {
    nextIno: readDigits(state.nextIno, 'next inode'),
    inodes,
    nodes: readList(state.nodes, MAX_STATE_NODES, 'nodes').map(place),
    handles: readList(state.handles, MAX_STATE_HANDLES, 'handles').map((item) => {
      const [node, flags] = readTuple(item, 2, 'handle');
      return [place(node), readInteger(flags, 0, MAX_ID, 'flags')] as const;
    }),
  };
}
