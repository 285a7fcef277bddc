import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * A piece of a command's output, with the stream it came from. `text` never cuts a character in two.
 *
 * @example
 * const show = ({ stream, text }: OutputChunk) => console.log(`${stream}: ${text}`);
 * for await (const chunk of vm.exec('make', { stdout: 'pipe', stderr: 'pipe' }).output()) show(chunk);
 */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
  readonly text: string;
}

/** An output of a command that is read as a stream. */
export interface NamedStream {
  readonly name: 'stdout' | 'stderr';
  readonly stream: Readable;
}

/**
 * Collects a stream up to its end.
 * @param maxBytes Limit in bytes.
 * @throws {GondolinError} VM_OUTPUT_TOO_LARGE when the stream has more than `maxBytes`; it is destroyed.
 */
export async function collectBytes(
  stream: Readable,
  maxBytes: number,
  name: string,
): Promise<Buffer> {
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
  return Buffer.concat(chunks);
}

/** Yields the chunks of several outputs in the order they arrive. Leaving the loop destroys the streams. */
export async function* mergeOutput(
  outputs: readonly NamedStream[],
  encoding: BufferEncoding,
): AsyncGenerator<OutputChunk, void> {
  const readers = outputs.map(({ name, stream }) => ({
    name,
    iterator: (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator](),
    decoder: new StringDecoder(encoding),
  }));
  type Reader = (typeof readers)[number];
  const readNext = async (reader: Reader) => {
    const next = await reader.iterator.next();
    const data = next.done === true ? Buffer.alloc(0) : next.value;
    const text = next.done === true ? reader.decoder.end() : reader.decoder.write(data);
    return { reader, isDone: next.done === true, chunk: { stream: reader.name, data, text } };
  };
  const startReading = (reader: Reader) => {
    const reading = readNext(reader);
    // It may fail while the caller handles a chunk, before anything here waits for it: the race below still rejects then.
    reading.catch(() => undefined);
    return reading;
  };
  const pending = new Map(readers.map((reader) => [reader, startReading(reader)]));
  try {
    while (pending.size > 0) {
      const { reader, isDone, chunk } = await Promise.race(pending.values());
      if (isDone) pending.delete(reader);
      else pending.set(reader, startReading(reader));
      if (chunk.data.length > 0 || chunk.text !== '') yield chunk;
    }
  } finally {
    for (const { stream } of outputs) stream.destroy();
  }
}

/** Yields the text of chunks; a chunk with only a part of a character yields nothing. */
export async function* decodeChunks(
  chunks: AsyncIterable<OutputChunk>,
): AsyncGenerator<string, void> {
  for await (const { text } of chunks) if (text !== '') yield text;
}

/**
 * Yields lines without their `\n` or `\r\n`; the last one also when it has no line end.
 * @throws {GondolinError} VM_OUTPUT_TOO_LARGE when one line is longer than `maxChars` characters.
 */
export async function* splitLines(
  texts: AsyncIterable<string>,
  maxChars: number,
): AsyncGenerator<string, void> {
  let rest = '';
  for await (const text of texts) {
    const lines = text.split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    if (rest.length > maxChars) {
      throw new GondolinError(
        'VM_OUTPUT_TOO_LARGE',
        `a line of the command's output passed ${maxChars} characters`,
      );
    }
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}
