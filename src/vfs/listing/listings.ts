import type { TurnQueue } from '../../util/turn-scheduler.ts';
import { Budget } from '../bounds/budget.ts';
import { LISTING_BYTES, LISTINGS_AT_ONCE } from '../bounds/limits.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import { VfsError } from '../vfs-error.ts';
import type { ListedEntry } from './dirent.ts';
import { batchBytes, Listing } from './listing.ts';
import { readBatches } from './read-batches.ts';

/**
 * Listings of one VM's open directories, within its budget. Equal listings of a directory are one object, however often
 * it is open.
 */
export class Listings {
  readonly #budget = new Budget(LISTING_BYTES);
  readonly #places = new Budget(LISTINGS_AT_ONCE);
  /** The last listing of each directory, while it is in use. */
  readonly #latest = new Map<HeldNode, Listing>();
  /** Listings under construction. One per directory at a time, since the next one is likely to be equal. */
  readonly #making = new Map<HeldNode, Promise<unknown>>();
  readonly #turns: TurnQueue;

  constructor(turns: TurnQueue) {
    this.#turns = turns;
  }

  /** Bytes that all listings take. */
  get bytes(): number {
    return this.#budget.used;
  }

  /**
   * Lists a directory as it is now. The caller must {@link release} the listing.
   * @throws {VfsError} ENOMEM above the budget; the provider's errors.
   */
  async make(held: HeldNode): Promise<Listing> {
    const before = this.#making.get(held);
    const made = this.#makeAfter(before, held);
    const settled = made.catch(() => undefined);
    this.#making.set(held, settled);
    try {
      return await made;
    } finally {
      if (this.#making.get(held) === settled) this.#making.delete(held);
    }
  }

  async #makeAfter(before: Promise<unknown> | undefined, held: HeldNode): Promise<Listing> {
    await before;
    await this.#places.take(1);
    const listing = new Listing();
    try {
      for await (const batch of readBatches(held)) {
        if (!this.#add(listing, batch)) throw new VfsError('ENOMEM');
        if (this.#turns.isSpent) await this.#turns.next();
      }
    } catch (error) {
      this.#budget.give(listing.bytes);
      throw error;
    } finally {
      this.#places.give(1);
    }
    return this.#share(held, listing);
  }

  /** Restores a listing of a saved machine. Returns null above the budget. */
  restore(held: HeldNode, entries: readonly ListedEntry[]): Listing | null {
    const listing = new Listing();
    return this.#add(listing, entries) ? this.#share(held, listing) : null;
  }

  #add(listing: Listing, batch: readonly ListedEntry[]): boolean {
    if (!this.#budget.tryTake(batchBytes(batch))) return false;
    listing.add(batch);
    return true;
  }

  #share(held: HeldNode, made: Listing): Listing {
    const known = this.#latest.get(held);
    const listing = known?.equals(made) === true ? known : made;
    if (listing === known) this.#budget.give(made.bytes);
    else this.#latest.set(held, made);
    listing.users++;
    return listing;
  }

  /** Ends one use. */
  release(held: HeldNode, listing: Listing): void {
    listing.users--;
    if (listing.users > 0) return;
    if (this.#latest.get(held) === listing) this.#latest.delete(held);
    this.#budget.give(listing.bytes);
  }

  /** Drops all listings when the server ends. */
  close(): void {
    this.#latest.clear();
    this.#places.close();
    this.#budget.close();
  }
}
