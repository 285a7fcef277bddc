const MIB = 1024 * 1024;

/** One that holds what its guest sent. */
export interface BudgetMember {
  /** Drops the largest of what it holds; it has told the budget when this returns. */
  shed(): void;
}

/**
 * Bounds what guests have sent on streams of their own and nobody has read: each stream's window is small, but a guest may
 * have a thousand of them. Above a limit the one who holds the most sheds, until the rest fits.
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

  /** Bytes that all members hold. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Notes that a member holds more, or with a negative number less; makes room when that was too much. */
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

/** The budget of this process: 512 streams of one VM with a full window each, and half as many again for all VMs. */
export const PROCESS_RECEIVE_BUDGET = new ReceiveBudget(128 * MIB, 192 * MIB);
