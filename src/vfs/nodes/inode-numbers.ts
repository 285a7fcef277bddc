import { createHash } from 'node:crypto';
import type { Attributes } from '../provider.ts';

/** Bits for the numbers of one file system; ext4, XFS, Btrfs and tmpfs use far fewer. */
const NUMBER_BITS = 48n;
/** File systems whose numbers are distinct without hashing. */
const MAX_SLOTS = 16;
/** Numbers from here on are hashes. */
const HASHES = BigInt(MAX_SLOTS) << NUMBER_BITS;
const HASH_BITS = 52;

/** The part of {@link Attributes} that identifies an inode. */
export type Inode = Pick<Attributes, 'ino' | 'device'>;

/**
 * Inode numbers across all mounts of a guest, which sees them as one file system: (st_dev, st_ino) identifies a file. They
 * stay below 2^53, since many programs (all JavaScript ones) keep st_ino in a double.
 *
 * The first file system keeps its numbers, so that programs whose st_ino has 32 bits can use them; mounts of the same
 * host file system share them, so a file in two mounts has one number. The next 15 get bits 48 to 51. Larger numbers
 * (some network file systems) and more file systems get hashes of 52 bits.
 */
export class InodeNumbers {
  readonly #slots = new Map<string, number>();

  /** Returns the number that the guest sees. @param mount Index of the mount, used when the provider gives no device. */
  toGuestIno(mount: number, { ino, device }: Inode): bigint {
    const source = device === undefined ? `m${mount}` : `d${device}`;
    const slot = this.#slot(source);
    if (slot !== null && ino >= 0n && ino >> NUMBER_BITS === 0n) {
      return (BigInt(slot) << NUMBER_BITS) | ino;
    }
    const digest = createHash('sha256').update(`${source}:${ino}`).digest();
    return HASHES | BigInt.asUintN(HASH_BITS, digest.readBigUInt64LE(0));
  }

  #slot(source: string): number | null {
    const known = this.#slots.get(source);
    if (known !== undefined) return known;
    if (this.#slots.size >= MAX_SLOTS) return null;
    const slot = this.#slots.size;
    this.#slots.set(source, slot);
    return slot;
  }

  /** File systems in the order in which they were first seen, at most 16. */
  get sources(): readonly string[] {
    return [...this.#slots.keys()];
  }

  /** Gives the file systems of a saved machine their former numbers, as far as these are free. */
  restore(sources: readonly string[]): void {
    for (const source of sources) this.#slot(source);
  }
}
