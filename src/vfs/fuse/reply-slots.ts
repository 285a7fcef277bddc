import { REPLY_ON_DISK, REPLY_SLOT_BYTES } from '../../protocol/constants.ts';
import { OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';

/** A disk of the guest that only the host writes. */
export interface SlotDisk {
  readonly slots: number;
  /** Returns false when the data is not there: no room, or the machine has ended. */
  write(data: Buffer, position: number): boolean;
}

/** Shorter data is as fast through the port, where it takes one interrupt for each page. */
const MIN_DATA_BYTES = 32 * 1024;
const COUNTER = 0x10000;

/**
 * Passes the data of large replies by a disk of the guest, which reads it in one transfer. Slots are used in turn, and again once
 * the guest says how many it has read. A guest that lies about that spoils only its own data.
 */
export class ReplySlots {
  readonly #disk: SlotDisk;
  #next = 0;
  #inUse = 0;
  /** The guest's last count; null until it has sent one, when nothing is in use. */
  #taken: number | null = null;

  constructor(disk: SlotDisk) {
    this.#disk = disk;
  }

  /** Call with the count of each request, in their order. */
  noteTaken(taken: number): void {
    const more = this.#taken === null ? 0 : (taken - this.#taken + COUNTER) % COUNTER;
    this.#taken = taken;
    this.#inUse = Math.max(0, this.#inUse - more);
  }

  /**
   * Returns the message that the channel carries instead of a reply: itself when it is short, or no slot is free. Call in the order in which
   * the messages are written.
   */
  shorten(reply: Buffer): Buffer {
    const length = reply.length - OUT_HEADER_BYTES;
    if (length < MIN_DATA_BYTES || length > REPLY_SLOT_BYTES) return reply;
    if (this.#inUse === this.#disk.slots || this.#taken === null) return reply;
    const slot = this.#next;
    const data = reply.subarray(OUT_HEADER_BYTES);
    if (!this.#disk.write(data, slot * REPLY_SLOT_BYTES)) return reply;
    this.#next = (slot + 1) % this.#disk.slots;
    this.#inUse++;
    const message = Buffer.alloc(OUT_HEADER_BYTES + 8);
    reply.copy(message, 0, 0, OUT_HEADER_BYTES);
    message.writeUInt32LE(message.length, 0);
    message.writeInt32LE(REPLY_ON_DISK, 4);
    message.writeUInt32LE(slot, OUT_HEADER_BYTES);
    message.writeUInt32LE(length, OUT_HEADER_BYTES + 4);
    return message;
  }
}
