import { NOTIFY_EDIT, NOTIFY_WHOLE } from '../../protocol/constants.ts';
import { OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';

/** A node whose attributes changed since the guest received them. */
export interface StaleNode {
  readonly nodeId: number;
  /** True when cached contents (of a link: its target) have to go too, although size and modification time may be the same. */
  readonly dropsData: boolean;
}

/** A name that leads elsewhere than the guest knows. */
export interface StaleName {
  readonly directoryId: number;
  /** latin1. */
  readonly name: string;
}

const INVAL_INODE = 2;
const INVAL_ENTRY = 3;
const INVAL_INODE_BYTES = 24;
const INVAL_ENTRY_BYTES = 16;
const WHOLE_BYTES = 12;

/** Returns a message with the header of a notification and an empty body. */
export function notification(code: number, bodyBytes: number): Buffer {
  const target = Buffer.alloc(OUT_HEADER_BYTES + bodyBytes);
  target.writeUInt32LE(target.length, 0);
  target.writeInt32LE(code, 4);
  return target;
}

/**
 * Returns a notification that makes the guest's kernel ask for a node's attributes again. It drops a file's cached data by itself
 * when size or modification time turn out to be different.
 */
export function encodeStaleNode({ nodeId, dropsData }: StaleNode): Buffer {
  const target = notification(INVAL_INODE, INVAL_INODE_BYTES);
  target.writeBigUInt64LE(BigInt(nodeId), OUT_HEADER_BYTES);
  // A negative offset keeps the data; a length of 0 is all of it.
  target.writeBigInt64LE(dropsData ? 0n : -1n, OUT_HEADER_BYTES + 8);
  return target;
}

/** Returns a notification that makes the guest's kernel forget a name. */
export function encodeStaleName({ directoryId, name }: StaleName): Buffer {
  const bytes = Buffer.from(name, 'latin1');
  const target = notification(INVAL_ENTRY, INVAL_ENTRY_BYTES + bytes.length + 1);
  target.writeBigUInt64LE(BigInt(directoryId), OUT_HEADER_BYTES);
  target.writeUInt32LE(bytes.length, OUT_HEADER_BYTES + 8);
  bytes.copy(target, OUT_HEADER_BYTES + INVAL_ENTRY_BYTES);
  return target;
}

/** Returns the message by which the agent knows, or knows no longer, every name of a directory: docs/protocol.md, "Missing names". */
export function encodeWhole(directoryId: number, isWhole: boolean): Buffer {
  const target = notification(NOTIFY_WHOLE, WHOLE_BYTES);
  target.writeBigUInt64LE(BigInt(directoryId), OUT_HEADER_BYTES);
  target.writeUInt32LE(isWhole ? 1 : 0, OUT_HEADER_BYTES + 8);
  return target;
}

/** An edit for the agent to repeat. Paths are latin1. */
export interface EditMessage {
  readonly token: number;
  readonly action: number;
  readonly directoryIno: bigint;
  /** 0n when the guest does not hold the file. */
  readonly ino: bigint;
  readonly path: string;
  /** Empty but for a rename. */
  readonly newPath: string;
}

const EDIT_FIXED_BYTES = 21;

/** Returns the message of an edit: docs/protocol.md, "File channel". */
export function encodeEdit(edit: EditMessage): Buffer {
  const texts = [edit.path, edit.newPath].map((text) => Buffer.from(text, 'latin1'));
  const fixed = Buffer.alloc(EDIT_FIXED_BYTES);
  fixed.writeUInt32LE(edit.token, 0);
  fixed.writeUInt8(edit.action, 4);
  fixed.writeBigUInt64LE(edit.directoryIno, 5);
  fixed.writeBigUInt64LE(edit.ino, 13);
  const body = [
    fixed,
    ...texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length, 0);
      return [length, text];
    }),
  ];
  const bytes = Buffer.concat(body);
  const target = notification(NOTIFY_EDIT, bytes.length);
  bytes.copy(target, OUT_HEADER_BYTES);
  return target;
}
