import { GondolinError } from '../../errors/gondolin-error.ts';
import { MAX_FILES_HANDLES } from '../../protocol/constants.ts';
import { FieldReader } from '../../protocol/field-reader.ts';
import { type FilesReply, FilesReplyReader } from '../../protocol/files/files-reply.ts';
import { encodeFilesRequest, type FilesRequest } from '../../protocol/files/files-request.ts';
import { guestProtocolError } from '../../protocol/guest-protocol-error.ts';
import type { GuestProcess } from '../guest-process.ts';
import { AbortListeners } from './abort-listeners.ts';
import { type FileAction, fileError, pathText } from './file-error.ts';

/** Requests that are sent before the reply to the first of them has come; more wait on the host. */
const MAX_SENT = 256;

/** Bytes of the requests sent and of the replies that they may have: one reader keeps the channel busy. */
const MAX_SENT_BYTES = 4 * 2 ** 20;

/** Time that a cancelled request may still take before the process is ended, which otherwise would do nothing else. */
const CANCELLED_LIMIT_MS = 5_000;

const SIGKILL = 9;

/** The parts of a process that its client uses. */
export type FilesProcess = Pick<GuestProcess, 'stdin' | 'stdout' | 'exited' | 'kill'>;

/** The handling of one request. */
export interface FilesRequestOptions<T> {
  readonly action: FileAction;
  /** Reads the body of the reply; throws GUEST_PROTOCOL for a malformed one. */
  readonly decode: (body: FieldReader) => T;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of data that the reply may have. @default 0 */
  readonly replyBytes?: number;
}

interface Pending {
  readonly id: number;
  readonly costBytes: number;
  /** Throws GUEST_PROTOCOL for a malformed reply. */
  readonly settle: (reply: FilesReply) => void;
  readonly reject: (error: GondolinError) => void;
}

interface Waiting extends Pending {
  readonly bytes: Buffer;
}

/**
 * Client of one files process (docs/protocol.md, "Guest files"). Requests are sent in the order of the calls and done in
 * it, one after the other, so a caller need not wait for an `OPEN` before it uses or closes the handle.
 */
export class FilesClient {
  /** Resolves with the reason once the process can serve no more. Never rejects. */
  readonly ended: Promise<GondolinError>;
  readonly #process: FilesProcess;
  readonly #reader = new FilesReplyReader();
  /** Sent, in order: the process replies in it. */
  readonly #sent: Pending[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #freeHandles = Array.from({ length: MAX_FILES_HANDLES }, (_, i) => i).reverse();
  readonly #aborts = new AbortListeners();
  #sentBytes = 0;
  #nextId = 0;
  #failure: GondolinError | undefined;
  #settleEnded: (error: GondolinError) => void = () => undefined;

  constructor(process: FilesProcess) {
    this.#process = process;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    const { stdin, stdout } = process;
    stdout?.on('data', (chunk: Buffer) => this.#receive(chunk));
    stdout?.on('end', () => void this.#explainEnd());
    stdout?.on('error', (error) => void this.#explainEnd(error));
    stdin?.on('error', () => undefined);
  }

  /** The reason why it can serve no more; undefined while it can. */
  get failure(): GondolinError | undefined {
    return this.#failure;
  }

  /**
   * Sends a request and waits for its reply.
   * @throws {GondolinError} a {@link FileErrorCode} or FILES_FAILED when the guest refuses it; FILES_ABORTED; FILES_ENDED;
   *   GUEST_PROTOCOL; the session's error.
   */
  request<T>(request: FilesRequest, options: FilesRequestOptions<T>): Promise<T> {
    const { action, decode, signal, replyBytes = 0 } = options;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (signal?.aborted === true) return Promise.reject(aborted(action, signal));
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) >>> 0;
    const bytes = encodeFilesRequest(id, request);
    return new Promise<T>((resolve, reject) => {
      let limit: NodeJS.Timeout | undefined;
      const onAbort = () => {
        reject(aborted(action, signal));
        const isUnsent = this.#forget(id);
        if (isUnsent) finish();
        else limit = setTimeout(() => this.#fail(stuck(action)), CANCELLED_LIMIT_MS).unref();
      };
      const finish = () => {
        if (signal !== undefined) this.#aborts.remove(signal, onAbort);
        clearTimeout(limit);
      };
      if (signal !== undefined) this.#aborts.add(signal, onAbort);
      this.#waiting.push({
        id,
        bytes,
        costBytes: bytes.length + replyBytes,
        reject: (error) => {
          finish();
          reject(error);
        },
        settle: ({ errno, body }) => {
          finish();
          if (errno !== 0) {
            if (body.length > 0) throw broken('no body in a failed reply');
            reject(fileError(errno, action));
            return;
          }
          const reader = new FieldReader('files reply', body);
          const result = decode(reader);
          reader.finish();
          resolve(result);
        },
      });
      this.#send();
    });
  }

  /** Takes a number for `OPEN`. @throws {GondolinError} EMFILE when 1,024 files are open. */
  takeHandle(action: FileAction): number {
    const handle = this.#freeHandles.pop();
    if (handle === undefined) throw fileError('EMFILE', action);
    return handle;
  }

  /** Sends `CLOSE`; the number is free at once, because a later `OPEN` is done later. */
  closeHandle(handle: number, action: FileAction): Promise<void> {
    const closed = this.request({ type: 'CLOSE', handle }, { action, decode: () => undefined });
    this.#freeHandles.push(handle);
    return closed;
  }

  /** Ends the process. Requests reject with FILES_ENDED. */
  close(): void {
    this.#fail(new GondolinError('FILES_ENDED', 'the files process was closed'));
  }

  /** Sends what the bounds allow. A request that is larger than them is sent alone. */
  #send(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const isFull = this.#sentBytes + next.costBytes > MAX_SENT_BYTES;
      if (this.#sent.length >= MAX_SENT || (isFull && this.#sent.length > 0)) return;
      this.#waiting.shift();
      this.#sent.push(next);
      this.#sentBytes += next.costBytes;
      this.#process.stdin?.write(next.bytes);
    }
  }

  /** Drops a request that was not sent. */
  #forget(id: number): boolean {
    const index = this.#waiting.findIndex((waiting) => waiting.id === id);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    return true;
  }

  #receive(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      this.#reader.push(chunk);
      for (let reply = this.#reader.next(); reply !== null; reply = this.#reader.next()) {
        const pending = this.#sent[0];
        if (pending === undefined || pending.id !== reply.id) {
          throw broken('the id of the first request without a reply', reply.id);
        }
        // Removed last: a malformed reply ends the process, which must still reject this request.
        pending.settle(reply);
        this.#sent.shift();
        this.#sentBytes -= pending.costBytes;
      }
      this.#send();
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
      this.#fail(error);
    }
  }

  /** The process ended by itself, or with the session: its exit says which. */
  async #explainEnd(broken?: Error): Promise<void> {
    // One that only closed its output does nothing useful any more.
    this.#process.kill(SIGKILL, 'tree').catch(() => undefined);
    try {
      const { code, signal, isOutOfMemory } = await this.#process.exited;
      const how = signal === null ? `with code ${code}` : `by signal ${signal}`;
      const why = isOutOfMemory ? ', because the guest ran out of memory' : '';
      const details = { code, signal, isOutOfMemory };
      this.#fail(
        new GondolinError('FILES_ENDED', `the files process ended ${how}${why}`, { details }),
      );
    } catch (error) {
      this.#fail(GondolinError.is(error) ? error : closed(broken ?? error));
    }
  }

  #fail(error: GondolinError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of [...this.#sent, ...this.#waiting]) reject(error);
    this.#sent.length = 0;
    this.#waiting.length = 0;
    this.#process.stdin?.destroy();
    this.#process.stdout?.destroy();
    // It may have ended, or the session has: nothing is left to kill then.
    this.#process.kill(SIGKILL, 'tree').catch(() => undefined);
    this.#settleEnded(error);
  }
}

function broken(rule: string, got?: number): GondolinError {
  return guestProtocolError(rule, {
    subject: 'files reply',
    ...(got === undefined ? {} : { got }),
  });
}

function closed(cause: unknown): GondolinError {
  return new GondolinError('FILES_ENDED', 'the files process ended', { cause });
}

function aborted({ syscall, path }: FileAction, signal: AbortSignal | undefined): GondolinError {
  return new GondolinError('FILES_ABORTED', `${syscall} '${pathText(path)}' was cancelled`, {
    cause: signal?.reason,
  });
}

function stuck({ syscall }: FileAction): GondolinError {
  const message = `the files process was stopped: it did not finish a cancelled ${syscall} within ${CANCELLED_LIMIT_MS} ms`;
  return new GondolinError('FILES_ENDED', message);
}
