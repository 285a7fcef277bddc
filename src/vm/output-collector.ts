import type { Readable } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';

/**
 * Text of a stream up to its end.
 * @param maxBytes Limit in bytes.
 * @throws {GondolinError} VM_OUTPUT_TOO_LARGE when more than `maxBytes` come; the stream is destroyed.
 */
export async function collectText(
  stream: Readable,
  maxBytes: number,
  name: string,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new GondolinError(
        'VM_OUTPUT_TOO_LARGE',
        `${name} of the command passed ${maxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Text chunks of several byte streams in the order they arrive; never cuts a UTF-8 character in two. */
export async function* mergeText(streams: readonly Readable[]): AsyncGenerator<string, void> {
  const pending = new Map<number, Promise<{ index: number; text: string; isDone: boolean }>>();
  const readers = streams.map((stream) => ({
    iterator: (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator](),
    decoder: new TextDecoder(),
  }));
  const readNext = async (index: number) => {
    const reader = readers[index];
    if (reader === undefined) return { index, text: '', isDone: true };
    const next = await reader.iterator.next();
    const isDone = next.done === true;
    const text = isDone
      ? reader.decoder.decode()
      : reader.decoder.decode(next.value, { stream: true });
    return { index, text, isDone };
  };
  for (const index of readers.keys()) pending.set(index, readNext(index));
  try {
    while (pending.size > 0) {
      const { index, text, isDone } = await Promise.race(pending.values());
      if (isDone) pending.delete(index);
      else pending.set(index, readNext(index));
      if (text !== '') yield text;
    }
  } finally {
    for (const stream of streams) stream.destroy();
  }
}
