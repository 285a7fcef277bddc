import { type FileHandle, open } from 'node:fs/promises';
import type { RegistryResponse } from '../oci/registry/exchange.ts';
import { TransientFailure } from '../oci/registry/retry.ts';

/** A file that is being downloaded. Bytes of an earlier attempt, also of a process that was killed, are kept. */
export class PartialFile {
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  #length: number;

  private constructor(file: FileHandle, sizeBytes: number, length: number) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#length = length;
  }

  /** Nobody else may write the file meanwhile. */
  static async open(path: string, sizeBytes: number): Promise<PartialFile> {
    const file = await open(path, 'a+', 0o600);
    const { size } = await file.stat();
    const partial = new PartialFile(file, sizeBytes, size);
    if (size > sizeBytes) await partial.startOver();
    return partial;
  }

  get length(): number {
    return this.#length;
  }

  get isComplete(): boolean {
    return this.#length === this.#sizeBytes;
  }

  async startOver(): Promise<void> {
    await this.#file.truncate(0);
    this.#length = 0;
  }

  /** The field that asks for the rest only. */
  get headers(): Readonly<Record<string, string>> {
    return this.#length === 0 ? {} : { range: `bytes=${this.#length}-` };
  }

  /**
   * Appends the body of a response to {@link headers}: of status 200, or of 206 where the file ends.
   * @throws {TransientFailure} when it is another part, or not all of it.
   */
  async append(response: RegistryResponse, onLength: (length: number) => void): Promise<void> {
    if (response.status === 200) await this.startOver();
    else this.#checkContinues(response);
    for await (const part of response.body as AsyncIterable<Buffer>) {
      if (this.#length + part.length > this.#sizeBytes) {
        await this.startOver();
        throw new TransientFailure(`it has more than the ${this.#sizeBytes} bytes of the index`);
      }
      await this.#file.appendFile(part);
      this.#length += part.length;
      onLength(this.#length);
    }
    const missing = this.#sizeBytes - this.#length;
    if (missing > 0) throw new TransientFailure(`its last ${missing} bytes did not come`);
  }

  #checkContinues(response: RegistryResponse): void {
    const [, start] = /^bytes ([0-9]+)-/.exec(response.field('content-range') ?? '') ?? [];
    if (start === undefined || Number(start) !== this.#length) {
      throw new TransientFailure('the mirror sent another part than was asked for');
    }
  }

  async close(): Promise<void> {
    try {
      if (this.isComplete) await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }
}
