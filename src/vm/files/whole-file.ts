import { pathText } from '../../agent/files/file-error.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { FILES_OPEN, MAX_FILES_DATA_BYTES } from '../../protocol/constants.ts';
import type { FilesPath } from '../../protocol/files/files-request.ts';
import type { FilesSession } from './files-session.ts';
import { OpenGuestFile } from './open-file.ts';
import { readRange } from './read.ts';
import { TransferWindow } from './transfer-window.ts';

export interface WholeRead {
  readonly path: FilesPath;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a whole file. A small one takes one turn of the channel: its first part is asked for with the `OPEN`.
 * @throws {GondolinError} FILES_TOO_LARGE; those of `FilesClient.request`.
 */
export async function readWhole(
  session: FilesSession,
  { path, maxBytes, signal }: WholeRead,
): Promise<Buffer> {
  const file = await OpenGuestFile.start(session, { path, bits: FILES_OPEN.READ, mode: 0, signal });
  try {
    const first = file.read(0, MAX_FILES_DATA_BYTES);
    first.catch(() => undefined);
    await file.opened;
    const chunks = [await first];
    let size = chunks[0]?.length ?? 0;
    if (size > maxBytes) throw tooLarge(path, maxBytes);
    if (size === MAX_FILES_DATA_BYTES) {
      for await (const chunk of readRange(file, { start: size })) {
        size += chunk.length;
        if (size > maxBytes) throw tooLarge(path, maxBytes);
        chunks.push(chunk);
      }
    }
    // A copy also of one chunk, which is a view of all that came with it.
    return Buffer.concat(chunks, size);
  } finally {
    void file.discard();
  }
}

function tooLarge(path: FilesPath, maxBytes: number): GondolinError {
  const where = pathText(path);
  return new GondolinError('FILES_TOO_LARGE', `${where}: more than ${maxBytes} bytes`, {
    details: { path: where, limit: maxBytes },
  });
}

/**
 * Content of a file to write: text in the option's encoding, bytes, or an iterable of both, such as a `Readable`.
 *
 * @example
 * const content: FileContent = ['one\n', Buffer.from('two\n')];
 * await vm.fs.writeFile('/tmp/lines', content);
 */
export type FileContent =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

export interface WholeWrite {
  readonly path: FilesPath;
  readonly bits: number;
  readonly mode: number;
  readonly encoding: BufferEncoding;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a file in one turn of the channel if it is small. @throws {GondolinError} those of `FilesClient.request`. */
export function writeWhole(
  session: FilesSession,
  content: FileContent,
  { encoding, ...request }: WholeWrite,
): Promise<void> {
  return sendFile(session, request, async (file, window) => {
    let offset = 0;
    for await (const data of toChunks(content, encoding)) {
      for (let at = 0; at < data.length; at += MAX_FILES_DATA_BYTES) {
        const part = data.subarray(at, at + MAX_FILES_DATA_BYTES);
        await window.add(file.write(offset, part));
        offset += part.length;
      }
    }
  });
}

/**
 * Opens a file, lets `send` add its requests, and closes it behind them without waiting for each.
 * @throws the error of `send`; {GondolinError} those of `FilesClient.request`.
 */
export async function sendFile(
  session: FilesSession,
  request: Omit<WholeWrite, 'encoding'>,
  send: (file: OpenGuestFile, window: TransferWindow) => Promise<void>,
): Promise<void> {
  const file = await OpenGuestFile.start(session, request);
  try {
    const window = new TransferWindow();
    await send(file, window);
    const closed = file.close();
    closed.catch(() => undefined);
    await window.settle();
    await closed;
  } catch (error) {
    // If it could not be opened, the other errors are only those of a handle that is not open.
    await file.opened;
    throw error;
  } finally {
    await file.discard();
  }
}

async function* toChunks(
  content: FileContent,
  encoding: BufferEncoding,
): AsyncGenerator<Uint8Array, void> {
  if (typeof content === 'string') yield Buffer.from(content, encoding);
  else if (content instanceof Uint8Array) yield content;
  else {
    for await (const chunk of content)
      yield typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
  }
}
