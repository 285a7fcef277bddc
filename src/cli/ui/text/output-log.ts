import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TextDecoder } from 'node:util';

export interface OutputLogLimits {
  /** Bytes kept in memory before a file is made. */
  readonly memoryBytes: number;
  /** Bytes kept in the file after that. */
  readonly fileBytes: number;
  /** Most recent bytes kept once both are full. */
  readonly tailBytes: number;
}

const MIB = 2 ** 20;
const LIMITS: OutputLogLimits = { memoryBytes: MIB, fileBytes: 63 * MIB, tailBytes: MIB };
const READ_BYTES = 64 * 1024;

/** Opens a temporary file without a name, which disappears however this process ends. */
function openNameless(): number {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-output-'));
  const path = join(directory, 'output');
  try {
    const file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return file;
  } finally {
    rmdirSync(directory);
  }
}

/**
 * Keeps the output of a step, to print it if the step fails: the first MiB in memory, the next 63 MiB in a nameless
 * temporary file, and the last MiB of the rest. If the temporary directory is full, the middle of the output is lost
 * and a note in its place gives the reason.
 */
export class OutputLog {
  readonly #limits: OutputLogLimits;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #file: number | null = null;
  #fileBytes = 0;
  #fileProblem: string | null = null;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #omittedBytes = 0;

  constructor(limits: OutputLogLimits = LIMITS) {
    this.#limits = limits;
  }

  append(text: string): void {
    const bytes = Buffer.from(text);
    const inHead = Math.min(bytes.length, this.#limits.memoryBytes - this.#headBytes);
    if (inHead > 0) {
      this.#head.push(bytes.subarray(0, inHead));
      this.#headBytes += inHead;
    }
    const rest = bytes.subarray(inHead);
    this.#keepTail(rest.subarray(this.#spill(rest)));
  }

  /** Returns how many bytes were written to the file. */
  #spill(bytes: Buffer): number {
    const room = Math.min(bytes.length, this.#limits.fileBytes - this.#fileBytes);
    if (room <= 0 || this.#fileProblem !== null || this.#tail.length > 0) return 0;
    try {
      this.#file ??= openNameless();
      const written = writeSync(this.#file, bytes, 0, room, this.#fileBytes);
      this.#fileBytes += written;
      return written;
    } catch (error) {
      this.#fileProblem = error instanceof Error ? error.message : String(error);
      return 0;
    }
  }

  #keepTail(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#tail.push(bytes);
    this.#tailBytes += bytes.length;
    let first = this.#tail[0];
    while (first !== undefined && this.#tailBytes - first.length >= this.#limits.tailBytes) {
      this.#tail.shift();
      this.#tailBytes -= first.length;
      this.#omittedBytes += first.length;
      first = this.#tail[0];
    }
  }

  /** Yields the kept text in order, with a note where bytes were omitted. */
  *read(): Generator<string, void> {
    const decoder = new TextDecoder();
    for (const bytes of this.#head) yield decoder.decode(bytes, { stream: true });
    yield* this.#readFile(decoder);
    if (this.#omittedBytes > 0) {
      const why = this.#fileProblem === null ? '' : ` (${this.#fileProblem})`;
      yield `${decoder.decode()}\n[${this.#omittedBytes} bytes of output omitted${why}]\n`;
    }
    yield decoder.decode(Buffer.concat(this.#tail));
  }

  *#readFile(decoder: TextDecoder): Generator<string, void> {
    if (this.#file === null) return;
    const buffer = Buffer.alloc(READ_BYTES);
    for (let offset = 0; offset < this.#fileBytes; ) {
      const length = readSync(this.#file, buffer, 0, READ_BYTES, offset);
      if (length === 0) return;
      offset += length;
      yield decoder.decode(buffer.subarray(0, length), { stream: true });
    }
  }

  /** Releases the file and the memory. May be called twice. */
  dispose(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    this.#fileBytes = 0;
    this.#head.length = 0;
    this.#tail = [];
  }
}
