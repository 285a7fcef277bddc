import { OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';
import type { Attributes, FileSystemStatus } from '../provider.ts';

/** Sizes of linux/fuse.h structures, in bytes. */
export const ENTRY_BYTES = 128;
const ATTR_OUT_BYTES = 104;
const SECOND_NS = 1_000_000_000n;
const BLOCK_SIZE_BYTES = 4096;
const MAX_NAME_BYTES = 255;

/** Writes a struct fuse_attr at `offset`. */
function writeAttributes(target: Buffer, offset: number, attributes: Attributes): void {
  const { atimeNs, mtimeNs, ctimeNs } = attributes;
  target.writeBigUInt64LE(attributes.ino, offset);
  target.writeBigUInt64LE(BigInt(attributes.sizeBytes), offset + 8);
  target.writeBigUInt64LE(BigInt(attributes.blocks), offset + 16);
  for (const [index, time] of [atimeNs, mtimeNs, ctimeNs].entries()) {
    const ns = ((time % SECOND_NS) + SECOND_NS) % SECOND_NS;
    target.writeBigInt64LE((time - ns) / SECOND_NS, offset + 24 + 8 * index);
    target.writeUInt32LE(Number(ns), offset + 48 + 4 * index);
  }
  target.writeUInt32LE(attributes.mode, offset + 60);
  target.writeUInt32LE(attributes.nlink >>> 0, offset + 64);
  target.writeUInt32LE(attributes.uid, offset + 68);
  target.writeUInt32LE(attributes.gid, offset + 72);
  target.writeUInt32LE(attributes.rdev, offset + 76);
  target.writeUInt32LE(BLOCK_SIZE_BYTES, offset + 80);
  target.writeUInt32LE(0, offset + 84);
}

function writeTtl(target: Buffer, secondsAt: number, nsAt: number, ttlMs: number): void {
  target.writeBigUInt64LE(BigInt(Math.floor(ttlMs / 1000)), secondsAt);
  target.writeUInt32LE((ttlMs % 1000) * 1_000_000, nsAt);
}

/** For how long the guest may use an entry, in milliseconds. */
export interface EntryTtl {
  readonly nameMs: number;
  readonly attributesMs: number;
}

/** Writes a struct fuse_entry_out at `offset`. Node ids are never reused, so the generation stays 0. */
export function writeEntry(
  target: Buffer,
  offset: number,
  nodeId: number,
  attributes: Attributes,
  { nameMs, attributesMs }: EntryTtl,
): void {
  target.writeBigUInt64LE(BigInt(nodeId), offset);
  target.writeBigUInt64LE(0n, offset + 8);
  writeTtl(target, offset + 16, offset + 32, nameMs);
  writeTtl(target, offset + 24, offset + 36, attributesMs);
  writeAttributes(target, offset + 40, attributes);
}

/** Returns the struct fuse_entry_out of a name that does not exist, which the guest may use for a while. */
export function encodeAbsent(nameMs: number): Buffer {
  const target = Buffer.alloc(ENTRY_BYTES);
  writeTtl(target, 16, 32, nameMs);
  return target;
}

/** Returns a struct fuse_attr_out. */
export function encodeAttributes(attributes: Attributes, ttlMs: number): Buffer {
  const target = Buffer.alloc(ATTR_OUT_BYTES);
  writeTtl(target, 0, 8, ttlMs);
  writeAttributes(target, 16, attributes);
  return target;
}

/** Returns a struct fuse_statfs_out. */
export function encodeStatus(status: FileSystemStatus): Buffer {
  const target = Buffer.alloc(80);
  const { blocks, freeBlocks, availableBlocks, files, freeFiles } = status;
  for (const [index, value] of [blocks, freeBlocks, availableBlocks, files, freeFiles].entries()) {
    target.writeBigUInt64LE(BigInt(value), 8 * index);
  }
  target.writeUInt32LE(status.blockSizeBytes, 40);
  target.writeUInt32LE(MAX_NAME_BYTES, 44);
  target.writeUInt32LE(status.blockSizeBytes, 48);
  return target;
}

/** Returns a struct fuse_open_out. @param flags FOPEN_… */
export function encodeOpen(handleId: number, flags: number): Buffer {
  const target = Buffer.alloc(16);
  target.writeBigUInt64LE(BigInt(handleId), 0);
  target.writeUInt32LE(flags, 8);
  return target;
}

/** Returns a reply with its header. @param errno Positive Linux error number, 0 for success. */
export function encodeReply(unique: bigint, errno: number, body?: Buffer): Buffer {
  const length = OUT_HEADER_BYTES + (body?.length ?? 0);
  const target = Buffer.alloc(length);
  writeReplyHeader(target, unique, errno);
  body?.copy(target, OUT_HEADER_BYTES);
  return target;
}

/** Writes a struct fuse_out_header at the start of `target`, for its whole length. */
export function writeReplyHeader(target: Buffer, unique: bigint, errno: number): void {
  target.writeUInt32LE(target.length, 0);
  target.writeInt32LE(-errno, 4);
  target.writeBigUInt64LE(unique, 8);
}
