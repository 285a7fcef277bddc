import type { Socket } from 'node:net';

/** Reads the first bytes of a connection step by step; what is left stays in the socket. */
export class FirstReader {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Returns what `take` makes of the bytes so far, once it is not null, and leaves the bytes after `usedBytes`.
   * @throws when the connection ends first, or after `maxBytes` without a result.
   */
  async read<T>(
    maxBytes: number,
    take: (bytes: Buffer) => { readonly result: T; readonly usedBytes: number } | null,
  ): Promise<T> {
    for (;;) {
      const taken = take(this.#bytes);
      if (taken !== null) {
        this.#bytes = this.#bytes.subarray(taken.usedBytes);
        return taken.result;
      }
      if (this.#bytes.length >= maxBytes) throw new Error('it sends too much');
      const chunk = await this.#next();
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    }
  }

  /** Gives the bytes that were read and not used back to the socket. */
  release(): void {
    if (this.#bytes.length > 0) this.#socket.unshift(this.#bytes);
    this.#bytes = Buffer.alloc(0);
  }

  #next(): Promise<Buffer> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      };
      const onReadable = (): void => {
        const chunk: Buffer | null = socket.read();
        if (chunk === null) return;
        settle();
        resolve(chunk);
      };
      const onEnd = (): void => {
        settle();
        reject(new Error('it closed the connection'));
      };
      socket.on('readable', onReadable).once('end', onEnd).once('close', onEnd);
      if (socket.destroyed || socket.readableEnded) onEnd();
      else onReadable();
    });
  }
}
