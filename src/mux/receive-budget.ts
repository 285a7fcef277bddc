const MIB = 1024 * 1024;

/** A session that holds bytes from its guest. */
export interface BudgetMember {
  /** Drops the stream that holds the most, and calls `add` with the change before it returns. */
  shed(): void;
}

/**
 * Bounds the unread bytes on streams that guests opened: each stream's window is small, but a guest may have a thousand
 * streams. Above a limit, the member that holds the most sheds streams until the rest fits.
 */
export class ReceiveBudget {
  readonly #memberLimitBytes: number;
  readonly #totalLimitBytes: number;
  readonly #heldBytes = new Map<BudgetMember, number>();
  #totalBytes = 0;

  constructor(memberLimitBytes: number, totalLimitBytes: number) {
    this.#memberLimitBytes = memberLimitBytes;
    this.#totalLimitBytes = totalLimitBytes;
  }

  /** Bytes that all members hold together. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Adds bytes that a member holds, or subtracts them when negative. Makes room when a limit is exceeded. */
  add(member: BudgetMember, bytes: number): void {
    const held = (this.#heldBytes.get(member) ?? 0) + bytes;
    if (held > 0) this.#heldBytes.set(member, held);
    else this.#heldBytes.delete(member);
    this.#totalBytes += bytes;
    if (bytes <= 0) return;
    if (held > this.#memberLimitBytes) member.shed();
    else if (this.#totalBytes > this.#totalLimitBytes) this.#largest()?.shed();
  }

  #largest(): BudgetMember | null {
    let largest: BudgetMember | null = null;
    let most = 0;
    for (const [member, bytes] of this.#heldBytes) {
      if (bytes <= most) continue;
      largest = member;
      most = bytes;
    }
    return largest;
  }
}

/** The budget of this process: 512 full windows for one VM, 768 for all VMs together. */
export const PROCESS_RECEIVE_BUDGET = new ReceiveBudget(128 * MIB, 192 * MIB);
