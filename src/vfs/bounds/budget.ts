import { VfsError } from '../vfs-error.ts';

/** Limits of one resource, in its unit. */
export interface BudgetLimits {
  readonly perVm: number;
  readonly perProcess: number;
  /** Amount that a VM may always hold, 0..perVm: the process can exceed `perProcess` by this much per VM. */
  readonly guaranteed: number;
}

/** Amount of one resource that all VMs of the process hold. */
export class SharedBudget {
  readonly limits: BudgetLimits;
  /** Budgets with waiting takers, in the order they are served. */
  readonly #waiting = new Set<Budget>();
  #used = 0;

  constructor(limits: BudgetLimits) {
    this.limits = limits;
  }

  /** Amount that all VMs hold together. */
  get used(): number {
    return this.#used;
  }

  /** Records `amount` more (less when negative), for a {@link Budget}. */
  add(amount: number): void {
    this.#used += amount;
  }

  /** Adds a waiting {@link Budget}. */
  await(budget: Budget): void {
    this.#waiting.add(budget);
  }

  /** Serves waiting budgets that have room now; one that still has to wait goes to the end. */
  wake(): void {
    for (const budget of [...this.#waiting]) {
      this.#waiting.delete(budget);
      if (!budget.serveWaiting()) this.#waiting.add(budget);
    }
  }
}

interface Waiting {
  readonly amount: number;
  readonly resolve: () => void;
  readonly reject: (error: VfsError) => void;
}

/** Amount of one resource that one VM holds, within its own limit and the process's. */
export class Budget {
  readonly #shared: SharedBudget;
  #waiting: Waiting[] = [];
  #used = 0;
  #isClosed = false;

  constructor(shared: SharedBudget) {
    this.#shared = shared;
  }

  get used(): number {
    return this.#used;
  }

  get waiters(): number {
    return this.#waiting.length;
  }

  #hasRoom(amount: number): boolean {
    const { perVm, perProcess, guaranteed } = this.#shared.limits;
    const used = this.#used + amount;
    return used <= guaranteed || (used <= perVm && this.#shared.used + amount <= perProcess);
  }

  /** Takes `amount` unless that exceeds a limit. @returns true when it was taken. */
  tryTake(amount: number): boolean {
    if (this.#isClosed || this.#waiting.length > 0 || !this.#hasRoom(amount)) return false;
    this.#take(amount);
    return true;
  }

  #take(amount: number): void {
    this.#used += amount;
    this.#shared.add(amount);
  }

  /**
   * Takes `amount`, at most `perVm`, as soon as there is room. Takers are served in order.
   * @throws {VfsError} EIO when the budget is closed.
   */
  async take(amount: number): Promise<void> {
    if (this.tryTake(amount)) return;
    if (this.#isClosed) throw new VfsError('EIO');
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ amount, resolve, reject });
      this.#shared.await(this);
    });
  }

  /** Returns `amount` to the budget. */
  give(amount: number): void {
    if (this.#isClosed || amount === 0) return;
    this.#used -= amount;
    this.#shared.add(-amount);
    this.#shared.wake();
  }

  /** Serves waiting takers that have room now. @returns true when none is left. */
  serveWaiting(): boolean {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return true;
      if (!this.#hasRoom(first.amount)) return false;
      this.#waiting.shift();
      this.#take(first.amount);
      first.resolve();
    }
  }

  /** Returns everything and rejects waiting and later takers. May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    for (const { reject } of this.#waiting.splice(0)) reject(new VfsError('EIO'));
    this.#shared.add(-this.#used);
    this.#used = 0;
    this.#isClosed = true;
    this.#shared.wake();
  }
}
