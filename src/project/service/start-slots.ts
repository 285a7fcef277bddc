/** The bounds of what starts and runs at once. */
export interface SlotLimits {
  /** Most sandboxes that start or run steps. A service that is up no longer counts. */
  readonly maxParallel: number;
  /** Memory for all VMs together, if each grows to its `memory`, in bytes. A service counts until its VM is closed. */
  readonly memoryBytes: number;
}

/** A place for one sandbox. Both functions may be called more than once. */
export interface Slot {
  /** There was not enough memory, and nothing that would have given any back. */
  readonly isOverCommitted: boolean;
  /** Gives the place to the next sandbox, and keeps the memory: the service is up. */
  readonly leave: () => void;
  /** Gives back place and memory: the VM is closed. */
  readonly release: () => void;
}

/** A sandbox that wants to start. */
export interface SlotRequest {
  readonly memoryBytes: number;
  /** Called at most once, when it has to wait for memory, with how much is free. */
  readonly onMemoryWait: (freeBytes: number) => void;
}

interface Waiter extends SlotRequest {
  readonly grant: (isOverCommitted: boolean) => void;
  hasSaid: boolean;
}

/** Lets sandboxes start in the order in which they ask, as many at once as places and memory allow. */
export class StartSlots {
  readonly #limits: SlotLimits;
  #places = 0;
  #memoryBytes = 0;
  #waiting: readonly Waiter[] = [];

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  get #freeBytes(): number {
    return this.#limits.memoryBytes - this.#memoryBytes;
  }

  /** Resolves when the sandbox may start. */
  async take(request: SlotRequest): Promise<Slot> {
    const { memoryBytes } = request;
    const isOverCommitted = await new Promise<boolean>((grant) => {
      this.#waiting = [...this.#waiting, { ...request, grant, hasSaid: false }];
      this.#grantWaiting();
    });
    let hasPlace = true;
    let hasMemory = true;
    const leave = () => {
      if (!hasPlace) return;
      hasPlace = false;
      this.#places -= 1;
      this.#grantWaiting();
    };
    const release = () => {
      if (hasMemory) this.#memoryBytes -= memoryBytes;
      hasMemory = false;
      leave();
      this.#grantWaiting();
    };
    return { isOverCommitted, leave, release };
  }

  #grantWaiting(): void {
    while (this.#places < this.#limits.maxParallel) {
      const fitting = this.#waiting.find(({ memoryBytes }) => memoryBytes <= this.#freeBytes);
      // Services that are up give nothing back until what needs them has run.
      const next = fitting ?? (this.#places === 0 ? this.#waiting[0] : undefined);
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter((waiter) => waiter !== next);
      this.#places += 1;
      this.#memoryBytes += next.memoryBytes;
      next.grant(fitting === undefined);
    }
    // One that waits for a place learns about memory when it is its turn.
    if (this.#places >= this.#limits.maxParallel) return;
    for (const waiter of this.#waiting.filter(({ hasSaid }) => !hasSaid)) {
      waiter.hasSaid = true;
      waiter.onMemoryWait(Math.max(0, this.#freeBytes));
    }
  }
}
