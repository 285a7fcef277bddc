import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';

/** Text that may wait for the disk, in UTF-16 units; records beyond it are dropped and counted. */
export const MAX_WAITING_LENGTH = 16 * 2 ** 20;

/** Text of one file, in UTF-16 units: the guest decides how much there is to record. The rest is counted in `lost`. */
const MAX_AUDIT_LENGTH = 256 * 2 ** 20;

/** Largest single write, in UTF-16 units. */
const MAX_BATCH_LENGTH = 2 ** 20;

/** Records in order of arrival as text, and its position (null: after the last write). */
export interface Batch {
  readonly text: string;
  /** Bytes from the start of the file. */
  readonly position: number | null;
}

export interface AuditOutputOptions {
  /** True for a file that is written at positions, as a pipe cannot be. */
  readonly needsFile: boolean;
  /** Builds one batch from records. */
  readonly toBatch: (records: readonly string[]) => Batch;
  /** Text that the file may hold, in UTF-16 units. @default 256 Mi */
  readonly maxLength?: number;
}

function unusable(path: string, problem: string, cause?: unknown): GondolinError {
  return new GondolinError('NET_AUDIT_UNUSABLE', `Cannot write "${path}": ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { path },
  });
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'its directory does not exist',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link, which a guest may have put there',
  ENXIO: 'no process is reading from it',
};

/** Opens the file with mode 0600 from the first byte, and never follows a symbolic link at its path. */
async function openFile(path: string, needsFile: boolean): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  // A guest cannot write below /dev, where /dev/stderr and a shell's /dev/fd/63 are links.
  const follow = path.startsWith('/dev/') ? 0 : O_NOFOLLOW;
  let file: FileHandle;
  try {
    file = await open(path, O_WRONLY | O_CREAT | follow, 0o600);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw unusable(path, PROBLEMS[code] ?? code, error);
  }
  try {
    const isFile = (await file.stat()).isFile();
    if (needsFile && !isFile) throw unusable(path, 'it is not a regular file');
    if (isFile) {
      await file.chmod(0o600);
      await file.truncate(0);
    }
    return file;
  } catch (error) {
    await file.close();
    throw GondolinError.is(error) ? error : unusable(path, String(error), error);
  }
}

/**
 * Writes records to a file in order of arrival, and never blocks the caller. Memory is bounded: when 16 Mi characters wait
 * for a slow disk, or the file has its 256 Mi, further records are dropped and counted in `lost`.
 */
export class AuditOutput {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #toBatch: AuditOutputOptions['toBatch'];
  #waiting: string[] = [];
  #waitingLength = 0;
  readonly #maxLength: number;
  #takenLength = 0;
  #lost = 0;
  #failure: unknown;
  #writing: Promise<void> | null = null;

  private constructor(path: string, file: FileHandle, options: AuditOutputOptions) {
    this.#path = path;
    this.#file = file;
    this.#toBatch = options.toBatch;
    this.#maxLength = options.maxLength ?? MAX_AUDIT_LENGTH;
  }

  /**
   * Opens the file, empties it and makes it readable for this user only.
   * @throws {GondolinError} NET_AUDIT_UNUSABLE
   */
  static async open(path: string, options: AuditOutputOptions): Promise<AuditOutput> {
    return new AuditOutput(path, await openFile(path, options.needsFile), options);
  }

  /** Number of records that were dropped. */
  get lost(): number {
    return this.#lost;
  }

  /** Never throws: `close` reports failures. */
  push(record: string): void {
    if (this.#failure !== undefined) return;
    const isTooMuch = this.#waitingLength + record.length > MAX_WAITING_LENGTH;
    if (isTooMuch || this.#takenLength + record.length > this.#maxLength) {
      this.#lost += 1;
      return;
    }
    this.#takenLength += record.length;
    this.#waiting.push(record);
    this.#waitingLength += record.length;
    this.#writing ??= this.#writeAll();
  }

  /**
   * Resolves when everything is in the file. Call it once.
   * @param last  Records at the end of the file; they are written however much waits.
   * @throws {GondolinError} NET_AUDIT_FAILED when something could not be written.
   */
  async close(last: readonly string[] = []): Promise<void> {
    if (this.#failure === undefined) this.#waiting.push(...last);
    if (this.#waiting.length > 0) this.#writing ??= this.#writeAll();
    await this.#writing;
    try {
      await this.#file.close();
    } catch (error) {
      this.#failure ??= error;
    }
    if (this.#failure === undefined) return;
    const reason = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    throw new GondolinError('NET_AUDIT_FAILED', `Cannot write "${this.#path}": ${reason}`, {
      cause: this.#failure,
      details: { path: this.#path },
    });
  }

  #takeBatch(): string[] {
    let length = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || length < MAX_BATCH_LENGTH)) {
      length += this.#waiting[count]?.length ?? 0;
      count += 1;
    }
    this.#waitingLength = Math.max(0, this.#waitingLength - length);
    return this.#waiting.splice(0, count);
  }

  async #writeAll(): Promise<void> {
    try {
      // Events of one turn of the event loop share a write.
      await Promise.resolve();
      while (this.#waiting.length > 0) {
        const { text, position } = this.#toBatch(this.#takeBatch());
        await this.#write(Buffer.from(text), position);
      }
    } catch (error) {
      this.#failure = error;
      this.#waiting = [];
    } finally {
      this.#writing = null;
    }
  }

  async #write(bytes: Buffer, position: number | null): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const at = position === null ? null : position + done;
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at);
      done += bytesWritten;
    }
  }
}
