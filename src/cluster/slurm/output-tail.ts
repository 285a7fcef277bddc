import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

/** Read at once, in bytes. */
const CHUNK_BYTES = 64 * 1024;
/** A longer line is passed on in pieces of this many UTF-16 units. */
const MAX_LINE_LENGTH = 16 * 1024;

/** Reads the lines that another process, perhaps on another machine, appends to a file. */
export class OutputTail {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #offset = 0;
  #rest = '';

  /** @param path  Need not exist yet. */
  constructor(path: string, onLine: (line: string) => void) {
    this.#path = path;
    this.#onLine = onLine;
  }

  /** Passes on the lines that were completed since the last call. */
  async read(): Promise<void> {
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, this.#offset);
        if (bytesRead === 0) return;
        this.#offset += bytesRead;
        this.#add(this.#decoder.write(buffer.subarray(0, bytesRead)));
      }
    } finally {
      await file.close();
    }
  }

  #add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    while (this.#rest.length > MAX_LINE_LENGTH) {
      this.#onLine(this.#rest.slice(0, MAX_LINE_LENGTH));
      this.#rest = this.#rest.slice(MAX_LINE_LENGTH);
    }
  }

  /** Passes on a last line that has no newline. */
  async end(): Promise<void> {
    await this.read();
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }
}
