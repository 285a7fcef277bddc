import { LAYER_LIMITS } from '../oci/layer/limits.ts';
import type { BlockReader } from './block-reader.ts';
import { squashfsInvalid } from './squashfs-error.ts';
import { checkPosition, type Superblock } from './superblock.ts';

const PREFIXES = ['user.', 'trusted.', 'security.'] as const;
const IS_ELSEWHERE = 0x100;
const ENTRY_BYTES = 16;
const ENTRIES_PER_BLOCK = 512;
const NAME_MAX_BYTES = 255;
/** Attributes of one inode: Linux lists 64 KiB of names at most. */
const COUNT_MAX = 32 * 1024;

/**
 * Reads the extended attributes of one inode.
 * @throws {GondolinError} IMAGE_INVALID.
 */
export async function readSquashfsAttributes(
  blocks: BlockReader,
  superblock: Superblock,
  index: number,
): Promise<ReadonlyMap<string, Buffer>> {
  const { attributeTable, bytesUsed } = superblock;
  if (attributeTable === null) throw squashfsInvalid('an inode has attributes that are not there');
  const head = await blocks.readRaw(attributeTable, ENTRY_BYTES);
  const start = checkPosition(head.readBigUInt64LE(0), bytesUsed);
  if (index >= head.readUInt32LE(8)) throw squashfsInvalid('attributes have no such place');
  const pointer = attributeTable + ENTRY_BYTES + 8 * Math.floor(index / ENTRIES_PER_BLOCK);
  const block = checkPosition((await blocks.readRaw(pointer, 8)).readBigUInt64LE(0), bytesUsed);
  const offset = (index % ENTRIES_PER_BLOCK) * ENTRY_BYTES;
  const { data: entry } = await blocks.readMetadata({ block, offset }, ENTRY_BYTES);
  const count = entry.readUInt32LE(8);
  if (count > COUNT_MAX) throw squashfsInvalid(`an inode has ${count} attributes`);
  return readList(blocks, start, entry.readBigUInt64LE(0), count);
}

async function readList(
  blocks: BlockReader,
  start: number,
  reference: bigint,
  count: number,
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  let position = placeOf(start, reference);
  for (let index = 0; index < count; index += 1) {
    const head = await blocks.readMetadata(position, 4);
    const type = head.data.readUInt16LE(0);
    const nameBytes = head.data.readUInt16LE(2);
    const prefix = PREFIXES[type & 0xff];
    if (prefix === undefined || nameBytes > NAME_MAX_BYTES) {
      throw squashfsInvalid('an attribute has an unknown kind of name');
    }
    const name = await blocks.readMetadata(head.end, nameBytes);
    const own = await readValue(blocks, name.end);
    position = own.end;
    const { value } =
      (type & IS_ELSEWHERE) === 0
        ? own
        : await readValue(blocks, placeOf(start, checkReference(own.value)));
    found.set(prefix + name.data.toString('latin1'), value);
  }
  return found;
}

function checkReference(value: Buffer): bigint {
  if (value.length === 8) return value.readBigUInt64LE(0);
  throw squashfsInvalid('the place of an attribute is malformed');
}

function placeOf(start: number, reference: bigint) {
  return { block: start + Number(reference >> 16n), offset: Number(reference & 0xffffn) };
}

async function readValue(blocks: BlockReader, at: { block: number; offset: number }) {
  const head = await blocks.readMetadata(at, 4);
  const length = head.data.readUInt32LE(0);
  if (length > LAYER_LIMITS.attributeBytes) {
    throw squashfsInvalid(`an attribute has ${length} bytes`);
  }
  const { data: value, end } = await blocks.readMetadata(head.end, length);
  return { value, end };
}
