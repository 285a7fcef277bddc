import { openFileLimit } from '../../host/open-file-limit.ts';
import { VfsError } from '../vfs-error.ts';

/** So many providers always find room, even when the first ones took all they could. */
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

function part(): number {
  return Math.floor(quarter() / Math.max(EXPECTED_PROVIDERS, shares.size));
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
    return Math.min(MAX_HELD_NODES, part());
  }

  /** @throws {VfsError} ENFILE when this provider, or all together, have too many files open. */
  assertFileRoom(): void {
    if (this.#openFiles >= part() || openFiles >= quarter()) throw new VfsError('ENFILE');
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
