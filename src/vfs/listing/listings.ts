import type { TurnQueue } from '../../util/turn-scheduler.ts';
import { Budget } from '../bounds/budget.ts';
import { LISTING_BYTES, LISTINGS_AT_ONCE } from '../bounds/limits.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import { VfsError } from '../vfs-error.ts';
import type { ListedEntry } from './dirent.ts';
import { batchBytes, Listing } from './listing.ts';
import { readBatches } from './read-batches.ts';

/**
 * The listings of one VM's open directories, within its budget. Equal listings of a directory are one object, however
 * often it is open.
 */
export class Listings {
  readonly #budget = new Budget(LISTING_BYTES);
  readonly #places = new Budget(LISTINGS_AT_ONCE);
  /** The last listing that was made of each directory, while it is used. */
  readonly #latest = new Map<HeldNode, Listing>();
  /** One listing of a directory is made at a time: the next one is likely to be equal. */
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
   * Lists a directory as it is now. The caller uses the listing until it calls {@link release}.
   * @throws {VfsError} ENOMEM above the budget, and what the provider throws.
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

  /** A listing of a saved machine; null above the budget. */
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

  /** For the end of the server. */
  close(): void {
    this.#latest.clear();
    this.#places.close();
    this.#budget.close();
  }
}
