import { sessionFailed } from '../control-line.ts';

/**
 * Channels of a streamed request. A frame is one byte of channel, four of length (big-endian), and the bytes.
 *
 * | channel | sender | bytes |
 * |---|---|---|
 * | `stdin` | client | input; an empty frame ends it |
 * | `stdout`, `stderr` | owner | output |
 * | `credit` | owner | how many more bytes of input the client may send, 32 bits |
 * | `resize` | client | rows and columns of its terminal, 16 bits each |
 * | `signal` | client | name of a signal for the command, such as `SIGINT` |
 * | `exit` | owner | how the command ended, JSON; the last frame |
 * | `error` | owner | why it failed, JSON; the last frame |
 * | `gap` | owner | how many bytes of output were lost before the next, 64 bits |
 */
export const SESSION_CHANNEL = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  credit: 3,
  resize: 4,
  signal: 5,
  exit: 6,
  error: 7,
  gap: 8,
} as const;

export type SessionChannel = keyof typeof SESSION_CHANNEL;

export interface SessionFrame {
  readonly channel: SessionChannel;
  readonly payload: Buffer;
}

const HEADER_BYTES = 5;
/** Most bytes of one frame's payload. */
export const MAX_FRAME_PAYLOAD = 64 * 1024;

const NAMES = Object.keys(SESSION_CHANNEL) as SessionChannel[];

/** Returns the header of a frame with that many bytes of payload. */
export function encodeChannelHeader(channel: SessionChannel, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt8(SESSION_CHANNEL[channel], 0);
  header.writeUInt32BE(length, 1);
  return header;
}

/** Makes frames of a stream of bytes. Holds at most one incomplete frame. */
export class SessionFrameDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * Returns the frames that are complete with this chunk.
   * @throws {GondolinError} SESSION_FAILED for an unknown channel or a frame above {@link MAX_FRAME_PAYLOAD}.
   */
  *push(chunk: Buffer): Generator<SessionFrame, void> {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = Buffer.alloc(0);
    while (rest.length >= HEADER_BYTES) {
      const channel = NAMES[rest.readUInt8(0)];
      const length = rest.readUInt32BE(1);
      if (channel === undefined) throw sessionFailed(`it sent channel ${rest.readUInt8(0)}`);
      if (length > MAX_FRAME_PAYLOAD) throw sessionFailed(`it sent a frame of ${length} bytes`);
      const end = HEADER_BYTES + length;
      if (rest.length < end) break;
      const payload = rest.subarray(HEADER_BYTES, end);
      rest = rest.subarray(end);
      this.#pending = rest;
      yield { channel, payload };
    }
    this.#pending = rest;
  }

  /** True when the bytes so far end within a frame. */
  get isIncomplete(): boolean {
    return this.#pending.length > 0;
  }
}
