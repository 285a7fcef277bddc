import { ID_MAX, LAYER_LIMITS } from '../oci/layer/limits.ts';
import type { BlockReader, MetadataPosition } from './block-reader.ts';
import { squashfsInvalid } from './squashfs-error.ts';
import type { Superblock } from './superblock.ts';

export type InodeType =
  | 'directory'
  | 'file'
  | 'symlink'
  | 'block'
  | 'character'
  | 'fifo'
  | 'socket';

/** An inode of a squashfs. */
export interface SquashfsInode {
  readonly type: InodeType;
  /** 0..0o7777. */
  readonly mode: number;
  /** Places in the table of ids. */
  readonly uidIndex: number;
  readonly gidIndex: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly number: number;
  readonly linkCount: number;
  /** Place in the table of extended attributes; null for none. */
  readonly attributeIndex: number | null;
  /** Length of a file; 0 for the rest. */
  readonly sizeBytes: number;
  readonly content: ContentPlace | null;
  readonly listing: ListingPlace | null;
  /** Target of a symbolic link, one character for each byte; empty for the rest. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
}

/** Where the content of a file is. */
export interface ContentPlace {
  readonly position: number;
  /** One length for each block, with the flag of one that is stored; 0 is a hole. */
  readonly blocks: readonly number[];
  /** The end of the file in a block that several share; null for none. */
  readonly fragment: { readonly index: number; readonly offset: number } | null;
}

/** Where the entries of a directory are. */
export interface ListingPlace {
  readonly block: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

const TYPES: readonly InodeType[] = [
  'directory',
  'file',
  'symlink',
  'block',
  'character',
  'fifo',
  'socket',
];
const NO_INDEX = 0xffffffff;
const HEADER_BYTES = 16;
/** More blocks belong to a file of a TiB of small blocks: no image has one. */
const BLOCKS_MAX = 2 ** 24;

/**
 * Reads an inode. `reference` is the position of its block in the table, and its offset in there.
 * @throws {GondolinError} IMAGE_INVALID.
 */
export async function readInode(
  blocks: BlockReader,
  superblock: Superblock,
  reference: bigint,
): Promise<SquashfsInode> {
  const block = superblock.inodeTable + Number(reference >> 16n);
  const start = { block, offset: Number(reference & 0xffffn) };
  const { data: header, end } = await blocks.readMetadata(start, HEADER_BYTES);
  const kind = header.readUInt16LE(0);
  const isExtended = kind > TYPES.length;
  const type = TYPES[isExtended ? kind - 1 - TYPES.length : kind - 1];
  if (type === undefined) throw squashfsInvalid(`an inode is of the unknown type ${kind}`);
  const common = {
    ...NOTHING,
    type,
    mode: header.readUInt16LE(2) & 0o7777,
    uidIndex: header.readUInt16LE(4),
    gidIndex: header.readUInt16LE(6),
    mtime: header.readUInt32LE(8),
    number: header.readUInt32LE(12),
  };
  const rest = { blocks, superblock, end, isExtended };
  if (type === 'directory') return { ...common, ...(await readDirectory(rest)) };
  if (type === 'file') return { ...common, ...(await readFile(rest)) };
  if (type === 'symlink') return { ...common, ...(await readSymlink(rest)) };
  return { ...common, ...(await readSpecial(rest, type === 'block' || type === 'character')) };
}

const NOTHING = {
  ...{ linkCount: 1, attributeIndex: null, sizeBytes: 0, content: null, listing: null },
  ...{ target: '', major: 0, minor: 0 },
};

interface Rest {
  readonly blocks: BlockReader;
  readonly superblock: Superblock;
  readonly end: MetadataPosition;
  readonly isExtended: boolean;
}

function indexOrNull(value: number): number | null {
  return value === NO_INDEX ? null : value;
}

async function readDirectory({ blocks, end, isExtended }: Rest): Promise<Partial<SquashfsInode>> {
  if (!isExtended) {
    const { data } = await blocks.readMetadata(end, 16);
    const listing = {
      block: data.readUInt32LE(0),
      offset: data.readUInt16LE(10),
      sizeBytes: data.readUInt16LE(8),
    };
    return { linkCount: data.readUInt32LE(4), listing };
  }
  const { data } = await blocks.readMetadata(end, 24);
  const listing = {
    block: data.readUInt32LE(8),
    offset: data.readUInt16LE(18),
    sizeBytes: data.readUInt32LE(4),
  };
  const attributeIndex = indexOrNull(data.readUInt32LE(20));
  return { linkCount: data.readUInt32LE(0), listing, attributeIndex };
}

async function readFile(rest: Rest): Promise<Partial<SquashfsInode>> {
  const { blocks, superblock, isExtended } = rest;
  const { data, end } = await blocks.readMetadata(rest.end, isExtended ? 40 : 16);
  const size = isExtended ? data.readBigUInt64LE(8) : BigInt(data.readUInt32LE(12));
  const sizeBytes = Number(size);
  const position = isExtended ? data.readBigUInt64LE(0) : BigInt(data.readUInt32LE(0));
  const fragmentIndex = data.readUInt32LE(isExtended ? 28 : 4);
  const fragmentOffset = data.readUInt32LE(isExtended ? 32 : 8);
  const hasFragment = fragmentIndex !== NO_INDEX;
  const whole = sizeBytes / superblock.blockBytes;
  const count = hasFragment ? Math.floor(whole) : Math.ceil(whole);
  if (count > BLOCKS_MAX) throw squashfsInvalid(`a file has ${sizeBytes} bytes`);
  const { data: lengths } = await blocks.readMetadata(end, 4 * count);
  return {
    linkCount: isExtended ? data.readUInt32LE(24) : 1,
    attributeIndex: isExtended ? indexOrNull(data.readUInt32LE(36)) : null,
    sizeBytes,
    content: {
      position: Number(position),
      blocks: Array.from({ length: count }, (_, index) => lengths.readUInt32LE(4 * index)),
      fragment: hasFragment ? { index: fragmentIndex, offset: fragmentOffset } : null,
    },
  };
}

async function readSymlink({ blocks, end, isExtended }: Rest): Promise<Partial<SquashfsInode>> {
  const { data, end: afterHead } = await blocks.readMetadata(end, 8);
  const length = data.readUInt32LE(4);
  if (length > LAYER_LIMITS.pathBytes) {
    throw squashfsInvalid(`the target of a link has ${length} bytes`);
  }
  const { data: target, end: afterTarget } = await blocks.readMetadata(afterHead, length);
  const index = isExtended ? (await blocks.readMetadata(afterTarget, 4)).data : null;
  return {
    linkCount: data.readUInt32LE(0),
    target: target.toString('latin1'),
    attributeIndex: index === null ? null : indexOrNull(index.readUInt32LE(0)),
  };
}

async function readSpecial(
  { blocks, end, isExtended }: Rest,
  isDevice: boolean,
): Promise<Partial<SquashfsInode>> {
  const at = isDevice ? 8 : 4;
  const { data } = await blocks.readMetadata(end, at + (isExtended ? 4 : 0));
  const device = isDevice ? data.readUInt32LE(4) : 0;
  return {
    linkCount: data.readUInt32LE(0),
    // new_encode_dev of linux/kdev_t.h.
    major: (device & 0xfff00) >>> 8,
    minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
    attributeIndex: isExtended ? indexOrNull(data.readUInt32LE(at)) : null,
  };
}

/** Refuses an owner that no file can have. */
export function checkId(id: number): number {
  if (id <= ID_MAX) return id;
  throw squashfsInvalid(`an owner is ${id}`);
}
