import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MAX_QUERY_BYTES } from './read-query.ts';

/** Cuts DNS over TCP (RFC 1035 §4.2.2: u16 length, message) into messages. Holds at most one message of 4,096 bytes. */
export class DnsFrameDecoder {
  #rest: Buffer = Buffer.alloc(0);
  #isBroken = false;

  /** True once a length was over 4,096 or under 12: nothing after it can be read. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * @param chunk  Untrusted bytes of the stream, in order.
   * @returns The messages that are now complete.
   */
  push(chunk: Buffer): Buffer[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (bytes.length >= 2 && !this.#isBroken) {
      const length = bytes.readUInt16BE(0);
      this.#isBroken = length > MAX_QUERY_BYTES || length < 12;
      if (this.#isBroken || bytes.length < 2 + length) break;
      messages.push(bytes.subarray(2, 2 + length));
      bytes = bytes.subarray(2 + length);
    }
    // A copy: the chunk may be a large buffer of which a few bytes are left.
    this.#rest = this.#isBroken ? Buffer.alloc(0) : Buffer.from(bytes);
    return messages;
  }
}

/** A message with its length before it. */
export function frameDns(message: Buffer): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length);
  message.copy(framed, 2);
  return framed;
}

/** True when the stream has taken the bytes, at the client's pace; false when it closed first. Rejects with its error. */
function send(stream: Duplex, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // A write that is under way when the stream is destroyed is never called back.
    const onClose = () => resolve(false);
    stream.once('close', onClose);
    stream.write(bytes, (error) => {
      stream.off('close', onClose);
      if (error) reject(error);
      else resolve(true);
    });
  });
}

/**
 * Serves DNS over TCP on a stream: one answer after the other, no faster than the client reads. Ends with the client's
 * end, or at the first length out of bounds. Idle time is the caller's to limit.
 * @param stream  Taken over; destroyed when served.
 * @param answer  Gives the answer to one message, or null for none. Must not reject.
 * @returns When all is sent or the client is gone. Rejects with the stream's own error only.
 */
export async function serveDnsStream(
  stream: Duplex,
  answer: (message: Buffer) => Promise<Buffer | null>,
): Promise<void> {
  const decoder = new DnsFrameDecoder();
  // The plain iterator would destroy the stream with the answers still in it.
  const chunks: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of chunks) {
      for (const message of decoder.push(chunk)) {
        const reply = await answer(message);
        if (reply !== null && !(await send(stream, frameDns(reply)))) return;
      }
      if (decoder.isBroken) break;
    }
    stream.end();
    await finished(stream, { readable: false });
  } finally {
    stream.destroy();
  }
}
