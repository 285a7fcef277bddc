import {
  MAX_HEAD_BYTES_PER_PROCESS,
  MAX_HEAD_BYTES_PER_VM,
  MAX_REQUESTS,
  MAX_WIDE_WINDOWS_PER_PROCESS,
  MAX_WIDE_WINDOWS_PER_VM,
  SURE_HEAD_BYTES_PER_VM,
} from '../../../limits.ts';

/** The memory that the HTTP sides of all VMs hold. */
export class ProcessLoad {
  headBytes = 0;
  wideWindows = 0;
}

const PROCESS_LOAD = new ProcessLoad();

/** One request, counted until both sides are done with it. Each function may be called more than once. */
export interface RequestSlot {
  /** Nothing of the request and its response is held for the guest any more. */
  releaseGuest(): void;
  /** The exchange has ended, and no connection to a server is waited for. */
  releaseServer(): void;
}

/** Counts what the HTTP side of one VM holds: requests, the bytes of their heads, wide HTTP/2 windows. */
export class GuestLoad {
  readonly #process: ProcessLoad;
  #requests = 0;
  #headBytes = 0;
  #wideWindows = 0;

  constructor(process: ProcessLoad = PROCESS_LOAD) {
    this.#process = process;
  }

  get requests(): number {
    return this.#requests;
  }

  get headBytes(): number {
    return this.#headBytes;
  }

  /**
   * Counts a request.
   *
   * @param headBytes  Bytes that its head takes in memory.
   * @returns null when this VM, or all VMs together, hold too much: the request must be dismissed.
   */
  admit(headBytes: number): RequestSlot | null {
    const heldBytes = this.#headBytes + headBytes;
    const isProcessFull = this.#process.headBytes + headBytes > MAX_HEAD_BYTES_PER_PROCESS;
    if (this.#requests >= MAX_REQUESTS || heldBytes > MAX_HEAD_BYTES_PER_VM) return null;
    // Other VMs may have taken all there is: a little is sure for each.
    if (isProcessFull && heldBytes > SURE_HEAD_BYTES_PER_VM) return null;
    this.#add(1, headBytes);
    const sides = new Set(['guest', 'server']);
    const release = (side: string): void => {
      if (sides.delete(side) && sides.size === 0) this.#add(-1, -headBytes);
    };
    return {
      releaseGuest: () => release('guest'),
      releaseServer: () => release('server'),
    };
  }

  /** @returns null when the windows of this connection must stay narrow; else gives the wide one back when called. */
  takeWideWindow(): (() => void) | null {
    const all = this.#process;
    if (this.#wideWindows >= MAX_WIDE_WINDOWS_PER_VM) return null;
    if (all.wideWindows >= MAX_WIDE_WINDOWS_PER_PROCESS) return null;
    this.#wideWindows += 1;
    all.wideWindows += 1;
    return () => {
      this.#wideWindows -= 1;
      all.wideWindows -= 1;
    };
  }

  #add(requests: number, headBytes: number): void {
    this.#requests += requests;
    this.#headBytes += headBytes;
    this.#process.headBytes += headBytes;
  }
}
