import type { FileAction } from '../../agent/files/file-error.ts';
import type { FilesClient } from '../../agent/files/files-client.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { MAX_FILES_DATA_BYTES } from '../../protocol/constants.ts';
import { type FileAttributes, readAttributes } from '../../protocol/files/file-attributes.ts';
import type { FilesChange, FilesPath } from '../../protocol/files/files-request.ts';
import { decodeData, decodeNothing, decodePage, type ListedPage } from './decode.ts';
import type { FilesSession } from './files-session.ts';

export interface OpenRequest {
  readonly path: FilesPath;
  /** Bits of FILES_OPEN. */
  readonly bits: number;
  readonly mode: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One open file of a files process. It may be used before the reply to its `OPEN` has come: requests are done in order, and
 * fail with EBADF when the file could not be opened. Then `opened` rejects, first.
 */
export class OpenGuestFile {
  /** Resolves with what was opened. */
  readonly opened: Promise<FileAttributes>;
  readonly #client: FilesClient;
  readonly #session: FilesSession;
  readonly #handle: number;
  readonly #path: FilesPath;
  readonly #signal: AbortSignal | undefined;
  #closed: Promise<void> | undefined;

  /** Opens a file, without waiting for the guest, after the requests that the client has. @throws {GondolinError} EMFILE. */
  constructor(session: FilesSession, client: FilesClient, request: OpenRequest) {
    const action = { syscall: 'open', path: request.path };
    this.#client = client;
    this.#session = session;
    this.#path = request.path;
    this.#signal = request.signal;
    this.#handle = client.takeHandle(action);
    const { bits: flags, mode, path, signal } = request;
    const open = { type: 'OPEN', handle: this.#handle, flags, mode, path } as const;
    this.opened = session.explained(
      client.request(open, { action, decode: readAttributes, signal }),
    );
    this.opened.catch(() => undefined);
  }

  /** Opens a file, without waiting for the guest. @throws {GondolinError} EMFILE, those of `FilesSession.client`. */
  static async start(session: FilesSession, request: OpenRequest): Promise<OpenGuestFile> {
    return new OpenGuestFile(session, await session.client(), request);
  }

  /** Opens a file and waits for it. @throws {GondolinError} EMFILE, those of `FilesClient.request`. */
  static async open(session: FilesSession, request: OpenRequest): Promise<OpenGuestFile> {
    const file = await OpenGuestFile.start(session, request);
    try {
      await file.opened;
      return file;
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  /** Reads at most MAX_FILES_DATA_BYTES; fewer than asked for are the end of the file. */
  read(offset: number, length: number): Promise<Buffer> {
    return this.#request(
      { type: 'READ', handle: this.#handle, offset, length },
      { action: this.#action('read'), decode: decodeData(length), replyBytes: length },
    );
  }

  /** Writes at most MAX_FILES_DATA_BYTES, all of them. */
  write(offset: number, data: Uint8Array): Promise<void> {
    if (data.length > MAX_FILES_DATA_BYTES) throw new RangeError('too long for one WRITE');
    return this.#request(
      { type: 'WRITE', handle: this.#handle, offset, data },
      { action: this.#action('write'), decode: decodeNothing },
    );
  }

  stat(): Promise<FileAttributes> {
    const target = { handle: this.#handle };
    const options = { action: this.#action('fstat'), decode: readAttributes };
    return this.#request({ type: 'STAT', target }, options);
  }

  set(change: FilesChange, syscall: string): Promise<void> {
    const target = { handle: this.#handle };
    const options = { action: this.#action(syscall), decode: decodeNothing };
    return this.#request({ type: 'SET', target, change }, options);
  }

  sync(dataOnly: boolean): Promise<void> {
    const action = this.#action(dataOnly ? 'fdatasync' : 'fsync');
    const request = { type: 'SYNC', handle: this.#handle, dataOnly } as const;
    return this.#request(request, { action, decode: decodeNothing });
  }

  /** Reads the next page of a directory. */
  list(attributes: boolean): Promise<ListedPage> {
    const options = {
      action: this.#action('readdir'),
      decode: decodePage(attributes),
      replyBytes: MAX_FILES_DATA_BYTES / 4,
    };
    return this.#request({ type: 'LIST', handle: this.#handle, attributes }, options);
  }

  /** Closes it. May be called twice. @throws {GondolinError} the error of close(2), such as EIO. */
  close(): Promise<void> {
    this.#closed ??= this.#session.explained(
      this.#client.closeHandle(this.#handle, this.#action('close')),
    );
    return this.#closed;
  }

  /** Closes it after a failure that has been reported: also if it was never opened. */
  async discard(): Promise<void> {
    await this.close().catch(() => undefined);
  }

  #action(syscall: string): FileAction {
    return { syscall, path: this.#path };
  }

  #request: FilesClient['request'] = (request, options) => {
    if (this.#closed !== undefined) {
      const message = `${options.action.syscall}: the file handle is closed`;
      return Promise.reject(new GondolinError('EBADF', message));
    }
    return this.#session.explained(
      this.#client.request(request, { ...options, signal: this.#signal }),
    );
  };
}
