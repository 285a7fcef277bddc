import type { BigIntStats } from 'node:fs';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import {
  anything,
  decodeOrNull,
  decodeValue,
  list,
  literal,
  object,
  sha256,
  text,
  tuple,
} from '../../util/json-decoder.ts';

const VERSION = 1;
const MAX_ENTRIES = 20_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/**
 * A file that changed less than this before it was read may change again without a new timestamp: clocks of file systems
 * tick every 10 ms, some only every 2 s.
 */
export const SETTLED_AFTER_MS = 2_000;

/** Path; then size, times in ns, inode and device, which are equal while the content is; then the digest. */
type Entry = readonly [path: string, stamp: string, digest: string];

function fileStamp(stat: BigIntStats): string {
  return [stat.size, stat.mtimeNs, stat.ctimeNs, stat.ino, stat.dev].join(' ');
}

const entry = tuple<Entry>(text(), text(), sha256);
const storedMemo = object({ version: literal(VERSION), entries: list(anything) });

/** Returns the entries of a stored memo, without damaged ones or those of a later gondolin: their files are read again. */
function parse(json: string | null): Entry[] {
  return (decodeOrNull(json, storedMemo)?.entries ?? []).flatMap((value) => {
    const decoded = decodeValue(value, entry);
    return decoded.ok ? [decoded.value] : [];
  });
}

/**
 * Digests of files by their stat(2) data, so that an unchanged file is not read again. One file stores the last used entries
 * of all projects.
 */
export class DigestMemo {
  readonly #path: string;
  /** In the order of their last use. */
  readonly #entries: Map<string, Entry>;
  #isChanged = false;

  private constructor(path: string, entries: readonly Entry[]) {
    this.#path = path;
    this.#entries = new Map(entries.map((entry) => [entry[0], entry]));
  }

  /** Reads a memo; a missing or damaged file is an empty one. */
  static async open(path: string): Promise<DigestMemo> {
    return new DigestMemo(path, parse(await readTextFile(path, MAX_FILE_BYTES)));
  }

  /** Returns the digest of a file's content, or null if the file changed since it was read. */
  find(path: string, stat: BigIntStats): string | null {
    const entry = this.#entries.get(path);
    if (entry === undefined || entry[1] !== fileStamp(stat)) return null;
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    return entry[2];
  }

  /** Stores a digest, unless the file changed so recently that a further change could go unnoticed. */
  add(path: string, stat: BigIntStats, digest: string, nowMs: number = Date.now()): void {
    const changedMs = Math.max(Number(stat.mtimeMs), Number(stat.ctimeMs));
    if (nowMs - changedMs < SETTLED_AFTER_MS) return;
    this.#entries.delete(path);
    this.#entries.set(path, [path, fileStamp(stat), digest]);
    this.#isChanged = true;
  }

  /** Writes what was learned. A memo that cannot be written costs time only. */
  async save(): Promise<void> {
    if (!this.#isChanged) return;
    const entries = [...this.#entries.values()].slice(-MAX_ENTRIES);
    try {
      await writeFileAtomic(this.#path, JSON.stringify({ version: VERSION, entries }));
      this.#isChanged = false;
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
    }
  }
}
