import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { REPLY_ON_DISK, REPLY_SLOT_BYTES } from '../../../src/protocol/constants.ts';
import { OUT_HEADER_BYTES } from '../../../src/protocol/fuse/fuse-abi.ts';
import { writeReplyHeader } from '../../../src/vfs/fuse/encode.ts';
import { ReplySlots } from '../../../src/vfs/fuse/reply-slots.ts';

const SHORT_BYTES = OUT_HEADER_BYTES + 8;

/** A disk of two slots; `isFull` refuses writes. */
function makeSlots() {
  const content = Buffer.alloc(2 * REPLY_SLOT_BYTES);
  const disk = {
    ...{ slots: 2, isFull: false },
    write: (data: Buffer, position: number) => !disk.isFull && data.copy(content, position) > 0,
  };
  return { slots: new ReplySlots(disk), disk, content };
}

function reply(dataBytes: number): Buffer {
  const message = Buffer.concat([Buffer.alloc(OUT_HEADER_BYTES), randomBytes(dataBytes)]);
  writeReplyHeader(message, 77n, 0);
  return message;
}

it('the data of a large reply goes to the disk, and the message names slot and length', () => {
  const { slots, content } = makeSlots();
  slots.noteTaken(9);
  for (const [slot, whole] of [reply(REPLY_SLOT_BYTES), reply(100_000)].entries()) {
    const message = slots.shorten(whole);
    expect(message.length).toBe(SHORT_BYTES);
    expect(message.readUInt32LE(0)).toBe(SHORT_BYTES);
    expect(message.readInt32LE(4)).toBe(REPLY_ON_DISK);
    expect(message.readBigUInt64LE(8)).toBe(77n);
    expect(message.readUInt32LE(16)).toBe(slot);
    const length = message.readUInt32LE(20);
    const start = slot * REPLY_SLOT_BYTES;
    const passed = content.subarray(start, start + length);
    expect(passed.equals(whole.subarray(OUT_HEADER_BYTES))).toBe(true);
  }
});

it('a slot is used again only once the guest has taken its reply, whose count may wrap around', () => {
  const { slots, content } = makeSlots();
  const large = reply(40_000);
  slots.noteTaken(0xffff);
  slots.shorten(large);
  slots.shorten(large);
  const before = Buffer.from(content);
  slots.noteTaken(0xffff);
  expect(slots.shorten(reply(40_000)).length).toBe(large.length);
  expect(content.equals(before)).toBe(true);
  slots.noteTaken(0);
  expect(slots.shorten(large).readUInt32LE(16)).toBe(0);
  expect(slots.shorten(large)).toBe(large);
  slots.noteTaken(2);
  expect(slots.shorten(large).readUInt32LE(16)).toBe(1);
});

it('a reply stays whole when it is short, when the guest has not sent a count yet, and when the disk has no room', () => {
  const { slots, disk } = makeSlots();
  const [short, large] = [reply(4096), reply(40_000)];
  expect(slots.shorten(large)).toBe(large);
  slots.noteTaken(0);
  expect(slots.shorten(short)).toBe(short);
  disk.isFull = true;
  expect(slots.shorten(large)).toBe(large);
  disk.isFull = false;
  expect(slots.shorten(large).length).toBe(SHORT_BYTES);
});

it('counts that a hostile guest makes up free no more slots than there are', () => {
  const { slots } = makeSlots();
  const large = reply(40_000);
  slots.noteTaken(0);
  slots.shorten(large);
  for (const count of [60_000, 3, 0xffff, 1]) slots.noteTaken(count);
  expect([1, 2, 3].map(() => slots.shorten(large).length)).toEqual([
    SHORT_BYTES,
    SHORT_BYTES,
    large.length,
  ]);
});
