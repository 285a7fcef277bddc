import type { Transform } from 'node:stream';
import { createDecoders } from '../coding/content-encoding.ts';
import { ExpansionLimit } from '../coding/expansion-limit.ts';
import type { LeakScanner } from './leak-scanner.ts';

/** Receives the name of a secret, or null, or the reason why the body cannot be scanned. */
type Found = (name: string | null, failure: Error | null) => void;

/**
 * Decodes a copy of a body as it passes and scans it for placeholders. Stops at bytes that do not match the encoding: what
 * no server can decode cannot carry a placeholder.
 */
export class DecodedScan {
  readonly #stages: readonly Transform[];
  readonly #scanner: LeakScanner;
  readonly #limit = new ExpansionLimit();
  #found: string | null = null;
  #failure: Error | null = null;
  #hasEnded = false;
  /** True while the first decoder has not taken the last chunk. */
  #isWriting = false;
  /** Number of pieces between two decoders. */
  #betweenStages = 0;
  #isEnding = false;
  /** Called at once when the decoders end in the middle of a write. */
  #waiting: (() => void) | null = null;

  /** @param encodings  As `parseContentEncoding` gives them. */
  constructor(scanner: LeakScanner, encodings: readonly string[]) {
    this.#scanner = scanner;
    this.#stages = createDecoders(encodings) ?? [];
    this.#hasEnded = this.#stages.length === 0;
    this.#stages.forEach((stage, index) => {
      const next = this.#stages[index + 1];
      stage.on('error', () => this.#finish());
      if (next !== undefined) this.#join(stage, next);
      else stage.on('data', (chunk: Buffer) => this.#look(chunk)).on('end', () => this.#finish());
    });
  }

  /** `done` gets the name of a secret once this chunk has gone through every decoder. */
  write(chunk: Buffer, done: Found): void {
    const settle = this.#once(done);
    if (this.#hasEnded) {
      settle();
      return;
    }
    this.#isWriting = true;
    this.#limit.addCoded(chunk.length);
    this.#stages[0]?.write(chunk, () => {
      this.#isWriting = false;
      this.#settleWhenQuiet();
    });
  }

  /** `done` gets the name of a secret found anywhere, once all is decoded. */
  end(done: Found): void {
    const settle = this.#once(done);
    this.#isEnding = true;
    if (this.#hasEnded) settle();
    else this.#stages[0]?.end();
  }

  destroy(): void {
    for (const stage of this.#stages) stage.destroy();
  }

  /** Like `pipe`, but reports when nothing is in flight any more. */
  #join(stage: Transform, next: Transform): void {
    stage.on('data', (piece: Buffer) => {
      this.#betweenStages += 1;
      const hasRoom = next.write(piece, () => {
        this.#betweenStages -= 1;
        this.#settleWhenQuiet();
      });
      if (hasRoom) return;
      stage.pause();
      next.once('drain', () => stage.resume());
    });
    stage.on('end', () => next.end());
  }

  #settleWhenQuiet(): void {
    const isQuiet =
      !this.#isWriting &&
      this.#betweenStages === 0 &&
      this.#stages.every(({ readableLength }) => readableLength === 0);
    if (isQuiet && !this.#isEnding) this.#waiting?.();
  }

  /** A failing decoder may call back for the chunk it failed on, or not. */
  #once(done: Found): () => void {
    let isDone = false;
    const settle = (): void => {
      if (isDone) return;
      isDone = true;
      this.#waiting = null;
      done(this.#found, this.#failure);
    };
    this.#waiting = settle;
    return settle;
  }

  #look(chunk: Buffer): void {
    try {
      this.#limit.addDecoded(chunk.length);
      this.#found ??= this.#scanner.scan(chunk);
    } catch (error) {
      this.#failure = error as Error;
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.destroy();
    this.#waiting?.();
  }
}
