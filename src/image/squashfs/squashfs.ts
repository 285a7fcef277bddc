import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { LAYER_LIMITS } from '../oci/layer/limits.ts';
import { readSquashfsAttributes } from './attributes.ts';
import { BlockReader } from './block-reader.ts';
import { checkId, readInode, type SquashfsInode } from './inode.ts';
import { squashfsInvalid } from './squashfs-error.ts';
import { checkPosition, parseSuperblock, SUPERBLOCK_BYTES, type Superblock } from './superblock.ts';

/** One entry of a directory. */
export interface SquashfsEntry {
  /** One character for each byte; never empty, `.`, `..` or with a slash. */
  readonly name: string;
  readonly inode: SquashfsInode;
}

const IDS_PER_BLOCK = 2048;
const FRAGMENTS_PER_BLOCK = 512;
const FRAGMENT_BYTES = 16;
const LISTING_HEADER_BYTES = 12;
const LISTING_ENTRY_BYTES = 8;
/** Entries after one header. SQUASHFS_DIR_COUNT of Linux. */
const ENTRIES_PER_HEADER = 256;
/** The size of a listing counts `.` and `..`, which it does not have. */
const LISTING_EXTRA_BYTES = 3;
const NO_CONTENT = Buffer.alloc(0);

/** A squashfs, read without the kernel and without a program: any user can, and nothing of it is written to this disk. */
export class Squashfs {
  readonly #file: FileHandle;
  readonly #superblock: Superblock;
  readonly #blocks: BlockReader;
  #lastFragment: { readonly index: number; readonly data: Buffer } | undefined;

  private constructor(file: FileHandle, superblock: Superblock) {
    this.#file = file;
    this.#superblock = superblock;
    this.#blocks = new BlockReader(file, superblock);
  }

  /** @throws {GondolinError} IMAGE_INVALID for what is no squashfs, or one that cannot be read. */
  static async open(path: string): Promise<Squashfs> {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(SUPERBLOCK_BYTES);
      const { bytesRead } = await file.read(bytes, 0, SUPERBLOCK_BYTES, 0);
      return new Squashfs(file, parseSuperblock(bytes.subarray(0, bytesRead), size));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  root(): Promise<SquashfsInode> {
    return readInode(this.#blocks, this.#superblock, this.#superblock.rootInode);
  }

  /** Lists a directory, in the order of the bytes of its names. @throws {GondolinError} IMAGE_INVALID */
  async list({ listing }: SquashfsInode): Promise<SquashfsEntry[]> {
    if (listing === null) throw new TypeError('not a directory');
    const entries: SquashfsEntry[] = [];
    let left = listing.sizeBytes - LISTING_EXTRA_BYTES;
    const { directoryTable } = this.#superblock;
    let at = { block: directoryTable + listing.block, offset: listing.offset };
    while (left > 0) {
      const head = await this.#blocks.readMetadata(at, LISTING_HEADER_BYTES);
      at = head.end;
      left -= LISTING_HEADER_BYTES;
      const count = head.data.readUInt32LE(0) + 1;
      if (count > ENTRIES_PER_HEADER) throw squashfsInvalid('a directory is malformed');
      const block = BigInt(head.data.readUInt32LE(4));
      for (let index = 0; index < count; index += 1) {
        const entry = await this.#blocks.readMetadata(at, LISTING_ENTRY_BYTES);
        const nameBytes = entry.data.readUInt16LE(6) + 1;
        const name = await this.#blocks.readMetadata(entry.end, nameBytes);
        at = name.end;
        left -= LISTING_ENTRY_BYTES + nameBytes;
        const reference = (block << 16n) | BigInt(entry.data.readUInt16LE(0));
        const inode = await readInode(this.#blocks, this.#superblock, reference);
        entries.push({ name: checkName(name.data.toString('latin1')), inode });
      }
    }
    if (left < 0) throw squashfsInvalid('a directory is malformed');
    return entries;
  }

  /** The content of a file, in pieces. @throws {GondolinError} IMAGE_INVALID */
  async *content({ content, sizeBytes }: SquashfsInode): AsyncGenerator<Buffer> {
    if (content === null) throw new TypeError('not a file');
    const { blockBytes } = this.#superblock;
    let { position } = content;
    let left = sizeBytes;
    for (const field of content.blocks) {
      const wanted = Math.min(blockBytes, left);
      const data =
        field === 0 ? Buffer.alloc(wanted) : await this.#blocks.readData(position, field);
      if (data.length !== wanted) throw squashfsInvalid('a block of a file has another length');
      position += field & 0xffffff;
      left -= wanted;
      yield data;
    }
    if (left > 0) yield await this.#readTail(content.fragment, left);
  }

  /** The uid and gid of an inode. @throws {GondolinError} IMAGE_INVALID */
  async owner({ uidIndex, gidIndex }: SquashfsInode): Promise<{ uid: number; gid: number }> {
    return { uid: await this.#id(uidIndex), gid: await this.#id(gidIndex) };
  }

  /** @throws {GondolinError} IMAGE_INVALID */
  async attributes({ attributeIndex }: SquashfsInode): Promise<ReadonlyMap<string, Buffer>> {
    if (attributeIndex === null) return new Map();
    return readSquashfsAttributes(this.#blocks, this.#superblock, attributeIndex);
  }

  async #readTail(fragment: { index: number; offset: number } | null, length: number) {
    if (fragment === null) throw squashfsInvalid('a file has no end');
    const data = await this.#fragment(fragment.index);
    const tail = data.subarray(fragment.offset, fragment.offset + length);
    if (tail.length === length) return tail;
    throw squashfsInvalid('the end of a file is cut off');
  }

  async #fragment(index: number): Promise<Buffer> {
    if (this.#lastFragment?.index === index) return this.#lastFragment.data;
    const { fragmentCount, fragmentTable } = this.#superblock;
    if (index >= fragmentCount) throw squashfsInvalid('a fragment is not there');
    const entry = await this.#tableEntry(fragmentTable, index, FRAGMENTS_PER_BLOCK, FRAGMENT_BYTES);
    const position = checkPosition(entry.readBigUInt64LE(0), this.#superblock.bytesUsed);
    const field = entry.readUInt32LE(8);
    const data = field === 0 ? NO_CONTENT : await this.#blocks.readData(position, field);
    this.#lastFragment = { index, data };
    return data;
  }

  async #id(index: number): Promise<number> {
    const { idCount, idTable } = this.#superblock;
    if (index >= idCount) throw squashfsInvalid('an owner is not in the table of owners');
    return checkId((await this.#tableEntry(idTable, index, IDS_PER_BLOCK, 4)).readUInt32LE(0));
  }

  /** An entry of a table whose blocks are found by a list of positions. */
  async #tableEntry(table: number, index: number, perBlock: number, bytes: number) {
    const pointer = await this.#blocks.readRaw(table + 8 * Math.floor(index / perBlock), 8);
    const block = checkPosition(pointer.readBigUInt64LE(0), this.#superblock.bytesUsed);
    const offset = (index % perBlock) * bytes;
    return (await this.#blocks.readMetadata({ block, offset }, bytes)).data;
  }
}

function checkName(name: string): string {
  const isPlain = !/[/\0]/.test(name) && name !== '.' && name !== '..';
  if (isPlain && name.length <= LAYER_LIMITS.nameBytes) return name;
  throw squashfsInvalid('a name in a directory is malformed');
}
