import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MAX_QUERY_BYTES } from './read-query.ts';

/** Gives the answer to one DNS message, or null for none. Never rejects. */
export type AnswerDns = (message: Buffer) => Promise<Buffer | null>;

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

/** Cuts the stream into messages and answers each in turn. */
async function answerAll(stream: Duplex, answer: AnswerDns, onProgress: () => void): Promise<void> {
  const decoder = new DnsFrameDecoder();
  // The plain iterator would destroy the stream with the answers still in it.
  const chunks: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) {
    onProgress();
    for (const message of decoder.push(chunk)) {
      const reply = await answer(message);
      if (reply !== null && !(await send(stream, frameDns(reply)))) return;
      onProgress();
    }
    if (decoder.isBroken) break;
  }
  stream.end();
  await finished(stream, { readable: false });
}

/**
 * Serves DNS over TCP on a stream: one answer after the other, no faster than the client reads. Ends with the client's
 * end, at the first length out of bounds, or when nothing moved for `idleMs`.
 * @param stream  Taken over; destroyed when served.
 * @param answer  Gives the answer to one message, or null for none. Must not reject.
 * @param idleMs  Patience with a client that neither sends nor reads, in milliseconds.
 * @returns When all is sent or the client is gone. Rejects with the stream's own error only.
 */
export async function serveDnsStream(
  stream: Duplex,
  answer: AnswerDns,
  idleMs = 30_000,
): Promise<void> {
  let isIdle = false;
  const timer = setTimeout(() => {
    isIdle = true;
    stream.destroy();
  }, idleMs);
  try {
    await answerAll(stream, answer, () => timer.refresh());
  } catch (error) {
    // A stream we gave up on ends its reading with an error of its own; that is the end we chose.
    if (!isIdle) throw error;
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}
