import type { MuxSession } from '../mux/mux-session.ts';
import type { GuestMessage } from '../protocol/guest-message.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import type { ExitStatus } from './guest-process.ts';

interface Running {
  readonly resolve: (status: ExitStatus) => void;
  readonly reject: (error: Error) => void;
}

/** Processes that run, each waiting for its one `EXITED`. */
export class ExitTable {
  readonly #running = new Map<number, Running>();

  constructor(session: MuxSession) {
    void session.ended.then((error) => {
      for (const running of this.#running.values()) running.reject(error);
      this.#running.clear();
    });
  }

  /** Notes a process at its `OK`, before any later message. @param requestId  Of its `EXEC`. */
  add(requestId: number): Promise<ExitStatus> {
    const exited = new Promise<ExitStatus>((resolve, reject) => {
      this.#running.set(requestId, { resolve, reject });
    });
    // A caller who only reads the output learns of the session's end there; it must not count as unhandled too.
    exited.catch(() => undefined);
    return exited;
  }

  /** Untrusted. @throws {GondolinError} GUEST_PROTOCOL when no such process runs: unknown, not started, or exited. */
  exit({ requestId, kind, value, isOutOfMemory }: Extract<GuestMessage, { type: 'EXITED' }>): void {
    const running = this.#running.get(requestId);
    if (running === undefined) {
      throw guestProtocolError('the request id of a running EXEC', {
        subject: 'EXITED',
        got: requestId,
      });
    }
    this.#running.delete(requestId);
    running.resolve(
      kind === 'CODE'
        ? { code: value, signal: null, isOutOfMemory }
        : { code: null, signal: value, isOutOfMemory },
    );
  }
}
