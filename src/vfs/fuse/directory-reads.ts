import type { Listings } from '../listing/listings.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { OpenDirectory } from './handles.ts';

/** Entries of a listing that a position can name; its bytes are bounded far below that many. */
const ENTRIES = 2 ** 22;
const MAX_ID = 2 ** 30;
/** Listings that are being read. A program that stops in the middle leaves one behind. */
const MAX_READS = 64;

/** A read of a directory, with the entry from which it continues. */
export interface DirectoryRead {
  readonly id: number;
  readonly directory: OpenDirectory;
  readonly index: number;
  /** Added to the index of an entry it is the position of that entry. */
  readonly base: number;
}

/**
 * Directories that the guest's kernel reads without having opened them: the position at which it continues names the listing and the
 * entry in it. A read ends with its last reply; of those that do not end the oldest are dropped, and one that continues after that gets
 * the entries of a new listing from the same place on.
 */
export class DirectoryReads {
  readonly #listings: Listings;
  /** In the order of their last use. */
  readonly #reads = new Map<number, OpenDirectory>();
  #nextId = 1;

  constructor(listings: Listings) {
    this.#listings = listings;
  }

  /** Returns the read that continues at a position; a new one from position 0. @param position Untrusted: any number from 0. */
  at(held: HeldNode, position: number): DirectoryRead {
    const index = position % ENTRIES;
    const id = (position - index) / ENTRIES;
    const known = this.#reads.get(id);
    if (position > 0 && known?.held === held) {
      this.#reads.delete(id);
      this.#reads.set(id, known);
      return { id, directory: known, index, base: position - index };
    }
    return this.#add(held, index);
  }

  #add(held: HeldNode, index: number): DirectoryRead {
    const [oldest] = this.#reads.keys();
    if (this.#reads.size >= MAX_READS && oldest !== undefined) this.end(oldest);
    const id = this.#nextId;
    this.#nextId = (id % MAX_ID) + 1;
    const directory = { held, listing: null, drops: 0, isReleased: false };
    this.#reads.set(id, directory);
    return { id, directory, index, base: id * ENTRIES };
  }

  /** Ends a read. Requests that use its listing keep it. */
  end(id: number): void {
    const directory = this.#reads.get(id);
    if (directory === undefined) return;
    this.#reads.delete(id);
    directory.isReleased = true;
    if (directory.listing !== null) this.#listings.release(directory.held, directory.listing);
    directory.listing = null;
  }

  /** Ends all reads but that of `directory`: they take the memory that it needs. Returns false when there were none. */
  endOthers(directory: OpenDirectory): boolean {
    const others = [...this.#reads].filter(([, one]) => one !== directory && one.listing !== null);
    for (const [id] of others) this.end(id);
    return others.length > 0;
  }

  all(): IterableIterator<[number, OpenDirectory]> {
    return this.#reads.entries();
  }

  /** Takes over the reads of a saved server. */
  restore(saved: readonly (readonly [number, OpenDirectory])[]): void {
    for (const [id, directory] of saved) {
      this.#reads.set(id, directory);
      this.#nextId = (Math.max(this.#nextId - 1, id) % MAX_ID) + 1;
    }
  }
}
