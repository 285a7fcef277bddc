import { MAX_TRANSFER_BYTES, OUT_HEADER_BYTES } from '../../protocol/fuse/fuse-abi.ts';

const BUFFER_BYTES = OUT_HEADER_BYTES + MAX_TRANSFER_BYTES;
/** Smaller ones come from memory that the process has used before. */
const MIN_BYTES = 64 * 1024;
/** As many READs as Linux has under way for one program that reads a file from start to end. */
const MAX_FREE = 4;
const IDLE_MS = 2_000;

/**
 * Memory for the data of large replies of one VM, used again: a new buffer of 1 MiB is 256 page faults, which take longer than reading a file
 * into it. Nothing is kept for a VM that reads no large files.
 */
export class ReplyBuffers {
  readonly #free: Buffer[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** Returns a buffer of `bytes` or more, whose content is arbitrary data of this VM. */
  take(bytes: number): Buffer {
    if (bytes < MIN_BYTES || bytes > BUFFER_BYTES) return Buffer.allocUnsafe(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  /** Takes back what `take` returned. Nobody else may use it any more. */
  give(buffer: Buffer): void {
    if (buffer.length !== BUFFER_BYTES || this.#free.length >= MAX_FREE) return;
    this.#free.push(buffer);
    this.#timer ??= setTimeout(() => this.clear(), IDLE_MS).unref();
    this.#timer.refresh();
  }

  /** Drops the free buffers. */
  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#free.length = 0;
  }
}
