import type { MuxSession } from '../mux/mux-session.ts';
import type { GuestMessage } from '../protocol/guest-message.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import type { ExitStatus } from './guest-process.ts';

interface Running {
  readonly resolve: (status: ExitStatus) => void;
  readonly reject: (error: Error) => void;
}

/** Running processes, each waiting for its one `EXITED`. */
export class ExitTable {
  readonly #running = new Map<number, Running>();

  constructor(session: MuxSession) {
    void session.ended.then((error) => {
      for (const running of this.#running.values()) running.reject(error);
      this.#running.clear();
    });
  }

  /** Adds a process at its `OK`, before any later message. @param requestId  Request id of its `EXEC`. */
  add(requestId: number): Promise<ExitStatus> {
    const exited = new Promise<ExitStatus>((resolve, reject) => {
      this.#running.set(requestId, { resolve, reject });
    });
    // A caller that only reads the output learns of the session's end there: this rejection may stay unhandled.
    exited.catch(() => undefined);
    return exited;
  }

  /** Handles an untrusted `EXITED`. @throws {GondolinError} GUEST_PROTOCOL when no such process is running. */
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
