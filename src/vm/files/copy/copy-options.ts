import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { FileOptions } from '../files-options.ts';

/**
 * Options of `vm.fs.copyOut` and of archives; `copyIn` has one more.
 *
 * @example
 * const options: CopyOptions = { maxBytes: 2 ** 30 };
 * await vm.fs.copyOut('/workspace/dist', 'dist', options);
 */
export interface CopyOptions extends FileOptions {
  /** Limit of all files together; above it FILES_TOO_LARGE. @default 17179869184 */
  readonly maxBytes?: number;
  /** Limit of files, directories and links together; above it FILES_TOO_LARGE. @default 1000000 */
  readonly maxEntries?: number;
}

/**
 * Options of `vm.fs.copyIn`.
 *
 * @example
 * const options: CopyInOptions = { filter: (path) => path !== 'node_modules' };
 * await vm.fs.copyIn('.', '/workspace', options);
 */
export interface CopyInOptions extends CopyOptions {
  /**
   * False leaves an entry out, and all below it. `path` is relative to the source, with `/`.
   * @default everything is copied
   */
  readonly filter?: (path: string, isDirectory: boolean) => boolean;
}

/**
 * Counts of a copy.
 *
 * @example
 * const summary: CopySummary = await vm.fs.copyIn('src', '/workspace/src');
 * console.log(summary.files, summary.bytes, summary.skipped);
 */
export interface CopySummary {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Sum of the sizes of the files. */
  readonly bytes: number;
  /** Sockets, FIFOs and devices, which are not copied: how many. */
  readonly skipped: number;
}

const DEFAULT_MAX_BYTES = 16 * 2 ** 30;
const DEFAULT_MAX_ENTRIES = 1_000_000;

/** Counts a copy against its limits. */
export class CopyCount {
  files = 0;
  directories = 0;
  links = 0;
  bytes = 0;
  skipped = 0;
  #listed = 0;
  readonly #maxBytes: number;
  readonly #maxEntries: number;

  constructor({ maxBytes, maxEntries }: CopyOptions) {
    this.#maxBytes = maxBytes ?? DEFAULT_MAX_BYTES;
    this.#maxEntries = maxEntries ?? DEFAULT_MAX_ENTRIES;
  }

  add(kind: 'files' | 'directories' | 'links' | 'skipped'): void {
    this[kind] += 1;
  }

  /** Counts entries that a directory has, before they are copied. @throws {GondolinError} FILES_TOO_LARGE */
  addListed(entries: number): void {
    this.#listed += entries;
    if (this.#listed > this.#maxEntries) throw tooLarge(this.#maxEntries, 'entries');
  }

  /** @throws {GondolinError} FILES_TOO_LARGE */
  addBytes(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.#maxBytes) throw tooLarge(this.#maxBytes, 'bytes');
  }

  get summary(): CopySummary {
    const { files, directories, links, bytes, skipped } = this;
    return { files, directories, links, bytes, skipped };
  }
}

export function tooLarge(limit: number, unit: 'bytes' | 'entries'): GondolinError {
  return new GondolinError('FILES_TOO_LARGE', `the copy has more than ${limit} ${unit}`, {
    hint: `Copy less, or raise ${unit === 'bytes' ? 'maxBytes' : 'maxEntries'}.`,
    details: { limit, unit },
  });
}
