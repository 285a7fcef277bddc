import { GondolinError } from '../../../errors/gondolin-error.ts';

/** Most memory for what a guest has listed and the host has not copied yet, and for what is done last. */
const MAX_WAITING_BYTES = 256 * 2 ** 20;
/** Attributes and objects of one entry beside its name, about. */
const ENTRY_BYTES = 640;

/** Counts the names of a tree that wait in this process: a guest can list names much faster than they are copied. */
export class WaitingMemory {
  #bytes = 0;

  /** Counts an entry. @throws {GondolinError} FILES_TOO_LARGE */
  take(nameBytes: number): void {
    this.#bytes += nameBytes + ENTRY_BYTES;
    if (this.#bytes <= MAX_WAITING_BYTES) return;
    const mib = MAX_WAITING_BYTES / 2 ** 20;
    throw new GondolinError(
      'FILES_TOO_LARGE',
      `the tree has too many names at once: they take more than ${mib} MiB of memory here`,
      {
        hint: 'Copy its directories one by one.',
        details: { limit: MAX_WAITING_BYTES, unit: 'bytes of names' },
      },
    );
  }

  /** Uncounts an entry whose turn has come. */
  give(nameBytes: number): void {
    this.#bytes -= nameBytes + ENTRY_BYTES;
  }
}
