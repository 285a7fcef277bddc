import { openFileLimit } from '../../../host/open-file-limit.ts';
import { VfsError } from '../../vfs-error.ts';

/** Providers with room reserved, since open files cannot be taken back when another provider starts. */
const EXPECTED_PROVIDERS = 4;
const MAX_HELD_NODES = 16_384;

const shares = new Set<DescriptorShare>();
let openFiles = 0;
let total: number | undefined;

/** Returns a quarter of the process's descriptors: open files, named nodes and unlinked nodes get one quarter each. */
function quarter(): number {
  total ??= openFileLimit();
  return total / 4;
}

/** Returns a provider's part of a quarter that is shared by at least `least` providers. */
function part(least: number): number {
  return Math.floor(quarter() / Math.max(least, shares.size));
}

/**
 * One provider's share of the process's descriptors. A guest can exhaust its own share, but not the process's last quarter,
 * which is for machines, images and the rest of the program.
 */
export class DescriptorShare {
  readonly #onShrink: () => void;
  #openFiles = 0;

  /** @param onShrink Called when `nodeLimit` shrinks because another provider starts. */
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

  /** Named nodes, and as many unlinked ones, whose descriptor may be kept. */
  get nodeLimit(): number {
    return Math.min(MAX_HELD_NODES, part(1));
  }

  /** @throws {VfsError} ENFILE when this provider, or all of them together, have too many files open. */
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
