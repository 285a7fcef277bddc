/** Most bytes of names that a copy remembers to recognise hard links; a file beyond them is copied once for each name. */
const MAX_REMEMBERED_BYTES = 32 * 2 ** 20;
/** Memory of one entry beside its name, about. */
const ENTRY_BYTES = 128;

/** A file, as `stat` identifies it. From a guest this is only its word. */
interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number | bigint;
}

/** The first copy of each file with several names, so that its other names become hard links to it. */
export class LinkNames<Copy> {
  readonly #first = new Map<string, Copy>();
  #bytes = 0;

  /** Returns the copy of an earlier name of this file. Else remembers `copy` as its first, and returns null. */
  earlier({ dev, ino, nlink }: FileIdentity, nameBytes: number, copy: () => Copy): Copy | null {
    if (nlink < 2) return null;
    const key = `${dev}:${ino}`;
    const first = this.#first.get(key);
    if (first !== undefined) return first;
    if (this.#bytes + nameBytes + ENTRY_BYTES > MAX_REMEMBERED_BYTES) return null;
    this.#bytes += nameBytes + ENTRY_BYTES;
    this.#first.set(key, copy());
    return null;
  }
}
