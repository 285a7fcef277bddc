import type { FileHandle } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import { decodeLz4Block } from '../lz4-block.ts';
import { squashfsInvalid } from './squashfs-error.ts';
import type { SquashfsCompression, Superblock } from './superblock.ts';

/** Bytes of a whole block of metadata. SQUASHFS_METADATA_SIZE of Linux. */
const METADATA_BYTES = 8192;
const STORED_METADATA = 0x8000;
const STORED_DATA = 1 << 24;
/** Blocks of metadata that are kept: they are read again for each directory that refers to them. */
const KEPT_BLOCKS = 256;

type ZstdSync = { zstdDecompressSync?: (data: Buffer, options?: object) => Buffer };

/** A position in metadata: a block, and a byte of what it becomes. */
export interface MetadataPosition {
  readonly block: number;
  readonly offset: number;
}

interface MetadataBlock {
  readonly data: Buffer;
  readonly next: number;
}

/** Reads the blocks of a squashfs. Every length and position is checked. */
export class BlockReader {
  readonly #file: FileHandle;
  readonly #compression: SquashfsCompression;
  readonly #blockBytes: number;
  readonly #kept = new Map<number, MetadataBlock>();

  constructor(file: FileHandle, { compression, blockBytes }: Superblock) {
    this.#file = file;
    this.#compression = compression;
    this.#blockBytes = blockBytes;
  }

  /** Reads exactly `length` bytes as they are on the disk. @throws {GondolinError} IMAGE_INVALID */
  async readRaw(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#file.read(buffer, 0, length, position);
    if (bytesRead === length) return buffer;
    throw squashfsInvalid('it is cut off');
  }

  /** Reads metadata, which may continue in the next blocks. Gives the position after it. @throws {GondolinError} IMAGE_INVALID */
  async readMetadata(
    { block, offset }: MetadataPosition,
    length: number,
  ): Promise<{ readonly data: Buffer; readonly end: MetadataPosition }> {
    const parts: Buffer[] = [];
    let [at, from, missing] = [block, offset, length];
    for (;;) {
      const { data, next } = await this.#metadataBlock(at);
      if (from > data.length) throw squashfsInvalid('a position is after the end of its block');
      const part = data.subarray(from, from + missing);
      parts.push(part);
      missing -= part.length;
      from += part.length;
      if (missing === 0) return { data: Buffer.concat(parts), end: { block: at, offset: from } };
      // All blocks but the last of a table are whole.
      if (data.length < METADATA_BYTES) throw squashfsInvalid('metadata is cut off');
      [at, from] = [next, 0];
    }
  }

  /** Reads one block of content or of fragments. `field` is its length as the file system has it. */
  async readData(position: number, field: number): Promise<Buffer> {
    const length = field & (STORED_DATA - 1);
    if (length > this.#blockBytes) throw squashfsInvalid(`a block has ${length} bytes`);
    const raw = await this.readRaw(position, length);
    return (field & STORED_DATA) === 0 ? this.#decompress(raw, this.#blockBytes) : raw;
  }

  async #metadataBlock(position: number): Promise<MetadataBlock> {
    const kept = this.#kept.get(position);
    if (kept !== undefined) return kept;
    const header = (await this.readRaw(position, 2)).readUInt16LE(0);
    const length = header & (STORED_METADATA - 1);
    if (length === 0 || length > METADATA_BYTES) {
      throw squashfsInvalid(`a block of metadata has ${length} bytes`);
    }
    const raw = await this.readRaw(position + 2, length);
    const data = (header & STORED_METADATA) === 0 ? this.#decompress(raw, METADATA_BYTES) : raw;
    const block = { data, next: position + 2 + length };
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= KEPT_BLOCKS) this.#kept.delete(oldest);
    this.#kept.set(position, block);
    return block;
  }

  #decompress(raw: Buffer, maxBytes: number): Buffer {
    try {
      return decompressBlock(raw, this.#compression, maxBytes);
    } catch (cause) {
      throw squashfsInvalid(`a block is not valid ${this.#compression}`, cause);
    }
  }
}

function decompressBlock(raw: Buffer, compression: SquashfsCompression, maxBytes: number): Buffer {
  if (compression === 'lz4') {
    const output = Buffer.allocUnsafe(maxBytes);
    return output.subarray(0, decodeLz4Block(raw, output, 0, maxBytes));
  }
  if (compression === 'gzip') return zlib.inflateSync(raw, { maxOutputLength: maxBytes });
  const { zstdDecompressSync } = zlib as ZstdSync;
  if (zstdDecompressSync === undefined) {
    throw new RangeError('this Node.js cannot read zstd: 22.15 or newer can');
  }
  return zstdDecompressSync(raw, { maxOutputLength: maxBytes });
}
