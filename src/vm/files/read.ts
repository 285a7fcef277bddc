import type { OpenGuestFile } from './open-file.ts';
import { WINDOW } from './transfer-window.ts';

/** Bytes of one read. Longer ones leave the channel idle between two of them. */
const CHUNK_BYTES = 131_072;

export interface RangeOptions {
  readonly start?: number;
  /** Exclusive. @default the end of the file */
  readonly end?: number;
  readonly chunkBytes?: number;
  /** Length of the first read, at least 1, when the file is expected to be shorter. @default chunkBytes */
  readonly firstBytes?: number;
}

interface Asked {
  readonly length: number;
  readonly data: Promise<Buffer>;
}

/**
 * Reads a file from `start` to `end` (exclusive), or to its end, with several requests under way. Yields no empty chunk.
 * Does not close the file.
 */
export async function* readRange(
  file: OpenGuestFile,
  options: RangeOptions = {},
): AsyncGenerator<Buffer, void> {
  const { start = 0, end = Number.POSITIVE_INFINITY, chunkBytes = CHUNK_BYTES } = options;
  const asked: Asked[] = [];
  let offset = start;
  const fill = (): void => {
    while (asked.length < WINDOW && offset < end) {
      const length = Math.min(chunkBytes, end - offset);
      const data = file.read(offset, length);
      data.catch(() => undefined);
      asked.push({ length, data });
      offset += length;
    }
  };
  // One first: most files are small, and a window for each would read their ends seven times.
  const first = Math.min(options.firstBytes ?? chunkBytes, chunkBytes, end - offset);
  if (first <= 0) return;
  asked.push({ length: first, data: file.read(offset, first) });
  offset += first;
  for (let next = asked.shift(); next !== undefined; next = asked.shift()) {
    const data = await next.data;
    if (data.length > 0) yield data;
    if (data.length < next.length) return;
    fill();
  }
}
