/** Bits of an event's mask, inotify(7). */
export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ISDIR: 0x4000_0000,
} as const;

/** One event of inotify(7). */
export interface InotifyEvent {
  /** Number of the watch; -1 when the kernel's queue was full and events are lost. */
  readonly watch: number;
  /** Bits of {@link IN}. */
  readonly mask: number;
  /** The same number for both halves of a rename; 0 for other events. */
  readonly cookie: number;
  /** latin1; null for an event of the watched directory itself. */
  readonly name: string | null;
}

const HEADER_BYTES = 16;

/** Splits a stream of struct inotify_event into events. */
export class InotifyDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** Returns the events that are complete. */
  push(chunk: Buffer): InotifyEvent[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const events: InotifyEvent[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + bytes.readUInt32LE(at + 12);
      if (end > bytes.length) break;
      events.push(decode(bytes, at, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return events;
  }
}

function decode(bytes: Buffer, at: number, end: number): InotifyEvent {
  // Filled with NULs up to the alignment.
  const nul = bytes.indexOf(0, at + HEADER_BYTES);
  const nameEnd = nul === -1 ? end : Math.min(nul, end);
  const name = bytes.toString('latin1', at + HEADER_BYTES, nameEnd);
  return {
    watch: bytes.readInt32LE(at),
    mask: bytes.readUInt32LE(at + 4),
    cookie: bytes.readUInt32LE(at + 8),
    name: name === '' ? null : name,
  };
}
