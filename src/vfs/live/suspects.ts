import type { HeldNode } from '../nodes/node-table.ts';
import type { DirectoryChange } from '../provider.ts';

export type ChangeKind = DirectoryChange['kind'];

/** A directory, or a name in it, that may have changed. */
export interface Suspect {
  readonly directory: HeldNode;
  /** latin1; null for the directory itself. */
  readonly name: string | null;
  /** All that was reported of it. */
  readonly kinds: ReadonlySet<ChangeKind>;
  /** False when it is suspected for another reason than a report. */
  readonly isReported: boolean;
}

interface Entry extends Suspect {
  readonly kinds: Set<ChangeKind>;
  isReported: boolean;
}

/** Suspicions that are not examined yet, in the order in which they came up. */
export class Suspects {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  add(directory: HeldNode, name: string | null, kind: ChangeKind, isReported = false): void {
    const key = `${directory.id}/${name ?? ''}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { directory, name, kinds: new Set([kind]), isReported });
      return;
    }
    known.kinds.add(kind);
    known.isReported &&= isReported;
  }

  /** Keys of all that are left, with those that are added meanwhile. {@link take} removes one. */
  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** Removes and returns one. */
  take(key: string): Suspect | null {
    const suspect = this.#entries.get(key) ?? null;
    this.#entries.delete(key);
    return suspect;
  }

  clear(): void {
    this.#entries.clear();
  }
}
