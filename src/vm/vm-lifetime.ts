import { GondolinError } from '../errors/gondolin-error.ts';
import { guestFailure } from './guest-failure.ts';
import { shutDown } from './shut-down.ts';
import type { RunningGuest } from './start/start.ts';
import { notRunning } from './vm-errors.ts';

/** The end of a VM: by `close()`, or by the first failure of its guest, whichever comes first. */
export class VmLifetime {
  /** Resolves when the VM has ended: with the reason, or undefined after `close()`. Never rejects. */
  readonly ended: Promise<GondolinError | undefined>;
  readonly #guest: RunningGuest;
  readonly #release: (reason: GondolinError) => Promise<void>;
  /** Resolves with the error that ended the guest. */
  readonly #gone: Promise<GondolinError>;
  #settleEnded: (error: GondolinError | undefined) => void = () => undefined;
  #closing: Promise<void> | undefined;
  #failure: GondolinError | undefined;

  /** @param release  Ends the guest and releases everything of the VM. Called once. */
  constructor(guest: RunningGuest, release: (reason: GondolinError) => Promise<void>) {
    this.#guest = guest;
    this.#release = release;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#gone = guestFailure(guest).catch((error: GondolinError) => error);
    void this.#gone.then((error) => this.fail(error));
  }

  /** @throws {GondolinError} VM_NOT_RUNNING, or the error that ended the VM. */
  assertRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw notRunning();
  }

  /** Replaces the error of a closed channel, which says little, by the error that ended the VM. */
  async explain(error: unknown): Promise<unknown> {
    const isClosed = GondolinError.is(error) && error.code === 'MUX_CLOSED';
    return isClosed ? this.#gone : error;
  }

  /** Ends the VM with an error, unless it has ended or is being closed. */
  fail(error: GondolinError): void {
    if (this.#closing !== undefined || this.#failure !== undefined) return;
    this.#failure = error;
    void this.#release(error).then(() => this.#settleEnded(error));
  }

  /** @param mustFlush  The guest first writes what it holds for its mounts. */
  close(mustFlush: boolean): Promise<void> {
    this.#closing ??= this.#close(mustFlush);
    return this.#closing;
  }

  async #close(mustFlush: boolean): Promise<void> {
    if (this.#failure === undefined && mustFlush) await shutDown(this.#guest);
    await this.#release(notRunning());
    this.#settleEnded(undefined);
  }
}
