import type { Socket } from 'node:net';
import { sessionFailed } from '../control-line.ts';
import {
  encodeChannelHeader,
  MAX_FRAME_PAYLOAD,
  type SessionChannel,
  type SessionFrame,
  SessionFrameDecoder,
} from './session-frame.ts';

/** A connection as frames. What is sent waits while the peer reads slowly; what is received waits for its reader. */
export class FrameSocket {
  readonly #socket: Socket;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    const wake = () => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    };
    socket.on('drain', wake).on('close', wake);
  }

  /** Sends bytes in as many frames as they need. Resolves when more may be sent, or the peer is gone. */
  async send(channel: SessionChannel, payload: Buffer): Promise<void> {
    let from = 0;
    do {
      const piece = payload.subarray(from, from + MAX_FRAME_PAYLOAD);
      from += MAX_FRAME_PAYLOAD;
      if (!this.#socket.writable) return;
      this.#socket.write(encodeChannelHeader(channel, piece.length));
      if (piece.length > 0) this.#socket.write(piece);
      if (this.#socket.writableNeedDrain) await this.#drained();
    } while (from < payload.length);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * The frames of the peer, until it closes the connection.
   * @throws {GondolinError} SESSION_FAILED when it breaks the form.
   */
  async *frames(): AsyncGenerator<SessionFrame, void> {
    const decoder = new SessionFrameDecoder();
    try {
      for await (const chunk of this.#socket) yield* decoder.push(chunk as Buffer);
    } catch (error) {
      // A peer that was killed resets the connection, which is an end like any other.
      if ((error as NodeJS.ErrnoException).syscall === undefined && !isAborted(error)) throw error;
    }
    if (decoder.isIncomplete) throw sessionFailed('it closed the connection within a frame');
  }

  /** Ends the connection after what was sent. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function isAborted(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ABORT_ERR';
}
