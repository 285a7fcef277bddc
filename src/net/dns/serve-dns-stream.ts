import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MAX_QUERY_BYTES } from './limits.ts';

/** Returns the response to one DNS message, or null to drop it. Never rejects. */
export type AnswerDns = (message: Buffer) => Promise<Buffer | null>;

/** Splits DNS over TCP (RFC 1035 §4.2.2: u16 length, message) into messages. Holds at most one message of 4,096 bytes. */
export class DnsFrameDecoder {
  #rest: Buffer = Buffer.alloc(0);
  #isBroken = false;

  /** True once a length was over 4,096 or under 12: the rest cannot be read. */
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

/** Returns a message prefixed with its length. */
export function frameDns(message: Buffer): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length);
  message.copy(framed, 2);
  return framed;
}

/** Resolves to true once the stream has taken the bytes, to false if it closed first. Rejects with its error. */
function send(stream: Duplex, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // A pending write of a destroyed stream never calls back.
    const onClose = () => resolve(false);
    stream.once('close', onClose);
    stream.write(bytes, (error) => {
      stream.off('close', onClose);
      if (error) reject(error);
      else resolve(true);
    });
  });
}

/** Splits the stream into messages and responds to each in turn. */
async function answerAll(stream: Duplex, answer: AnswerDns, onProgress: () => void): Promise<void> {
  const decoder = new DnsFrameDecoder();
  // The default iterator would destroy the stream with unsent responses.
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
 * Serves DNS over TCP on a stream: one response after another, no faster than the client reads. Stops at the client's end,
 * at the first invalid length, or when nothing has moved for `idleMs`.
 * @param stream  Owned by this function, which destroys it in the end.
 * @param answer  Returns the response to one message, or null to drop it. Must not reject.
 * @param idleMs  Timeout for a client that neither sends nor reads, in milliseconds.
 * @returns Resolves when all is sent or the client is gone. Rejects only with the stream's own error.
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
    // A stream that we destroyed ends its reading with an error, which is expected.
    if (!isIdle) throw error;
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}
