import { openFileLimit } from '../../../host/open-file-limit.ts';
import { VfsError } from '../../vfs-error.ts';

/** Open files cannot be taken back when another provider starts: so many find room whatever the first ones took. */
const EXPECTED_PROVIDERS = 4;
const MAX_HELD_NODES = 16_384;

const shares = new Set<DescriptorShare>();
let openFiles = 0;
let total: number | undefined;

/** A quarter of the process's descriptors: open files, nodes with a name and unlinked nodes get one each. */
function quarter(): number {
  total ??= openFileLimit();
  return total / 4;
}

/** A provider's part of a quarter that is divided by `least` providers or more. */
function part(least: number): number {
  return Math.floor(quarter() / Math.max(least, shares.size));
}

/**
 * What one provider may hold of the process's descriptors. A guest can make its own host files run out, not those of
 * the process, whose last quarter is for machines, images and whatever the program does besides.
 */
export class DescriptorShare {
  readonly #onShrink: () => void;
  #openFiles = 0;

  /** @param onShrink Called when `nodeLimit` sank, because another provider started. */
  constructor(onShrink: () => void) {
    this.#onShrink = onShrink;
  }

  join(): void {
    shares.add(this);
    for (const share of shares) if (share !== this) share.#onShrink();
  }

  leave(): void {
    shares.delete(this);
  }

  /** Nodes with a name, and as many unlinked ones, whose descriptor may be kept. */
  get nodeLimit(): number {
    return Math.min(MAX_HELD_NODES, part(1));
  }

  /** @throws {VfsError} ENFILE when this provider, or all together, have too many files open. */
  assertFileRoom(): void {
    if (this.#openFiles >= part(EXPECTED_PROVIDERS) || openFiles >= quarter())
      throw new VfsError('ENFILE');
  }

  fileOpened(): void {
    this.#openFiles++;
    openFiles++;
  }

  fileClosed(): void {
    this.#openFiles--;
    openFiles--;
  }
}
