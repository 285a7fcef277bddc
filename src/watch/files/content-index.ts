import type { BigIntStats, Stats } from 'node:fs';
import { type PathContent, readContent, statOrNull, writeStamp } from './file-digest.ts';

/** Content of all files together that is read when watching starts. */
const MAX_PRIMED_BYTES = 2 ** 30;
/** A larger file is read when it changes: its first change counts, whatever the content. */
const MAX_PRIMED_FILE_BYTES = 16 * 2 ** 20;
/** A file that changed less than this before it was found may change again without another time. */
const SETTLED_AFTER_MS = 50;
const READERS = 4;
/** Milliseconds since 1970 as a double are exact to a quarter of a microsecond only, and round up to a full millisecond. */
const SAME_TIME_MS = 0.001;

/** Found and not read yet, with what identifies the content that it had then. */
interface Primed {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly ino: number;
  readonly isSettled: boolean;
}

/** A digest; or what is known of a file that was not read. */
type Entry = string | Primed;

/** The contents of the watched files as they were last compared. A changed time alone is no change. */
export class ContentIndex {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Paths below a directory, or the path itself. */
  below(root: string): string[] {
    return [...this.#entries.keys()].filter((path) => path === root || path.startsWith(`${root}/`));
  }

  /** Adds a file that was found when watching started. */
  prime(path: string, stats: Stats): void {
    if (this.#entries.has(path)) return;
    const { size: sizeBytes, mtimeMs, ino } = stats;
    const isSettled = Math.abs(Date.now() - mtimeMs) > SETTLED_AFTER_MS;
    this.#entries.set(path, { sizeBytes, mtimeMs, ino, isSettled });
  }

  /** Reads the files that were found, until `signal` aborts. A file that changed since stays unread: its event tells. */
  async readPrimed(signal: AbortSignal): Promise<void> {
    let leftBytes = MAX_PRIMED_BYTES;
    const waiting = [...this.#entries].values();
    const work = async () => {
      for (const [path, entry] of waiting) {
        if (signal.aborted || leftBytes <= 0) return;
        if (typeof entry !== 'string') leftBytes -= await this.#read(path, entry);
      }
    };
    await Promise.all(Array.from({ length: READERS }, work));
  }

  /** Returns the bytes that were read. */
  async #read(path: string, entry: Primed): Promise<number> {
    if (!entry.isSettled || entry.sizeBytes > MAX_PRIMED_FILE_BYTES) return 0;
    const content = await readContent(path);
    const after = await statOrNull(path);
    const isSame = content !== null && after !== null && isStill(entry, content.stat, after);
    if (isSame && this.#entries.get(path) === entry) this.#entries.set(path, content.digest);
    return entry.sizeBytes;
  }

  /**
   * Compares a file with what it was, and remembers what it is.
   * @param isOwn  Whether the guest wrote what is there now: that is no change.
   * @returns Whether it changed, and whether it is a file with content.
   */
  async compare(
    path: string,
    isOwn: () => boolean | Promise<boolean>,
  ): Promise<{ readonly hasChanged: boolean; readonly isWhole: boolean }> {
    const content: PathContent | null = await readContent(path);
    const before = this.#entries.get(path);
    if (content === null) this.#entries.delete(path);
    else this.#entries.set(path, content.digest);
    const isWhole = content !== null && content.stat.size > 0n;
    const isEqual = content === null ? before === undefined : before === content.digest;
    return { hasChanged: !isEqual && !(await isOwn()), isWhole };
  }
}

function isStill({ sizeBytes, mtimeMs, ino }: Primed, read: BigIntStats, after: BigIntStats) {
  const isFirst =
    Number(read.size) === sizeBytes &&
    Number(read.ino) === ino &&
    Math.abs(Number(read.mtimeNs) / 1e6 - mtimeMs) < SAME_TIME_MS;
  return isFirst && writeStamp(read) === writeStamp(after);
}
