import { GondolinError } from '../errors/gondolin-error.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import { PROTOCOL_VERSION } from '../protocol/constants.ts';
import type { GuestMessage } from '../protocol/guest-message.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import { printable } from '../protocol/printable.ts';

/** The agent's greeting. Texts are the guest's, made printable. */
export interface Hello {
  readonly agentVersion: string;
  readonly kernelRelease: string;
}

/** Waits for the agent's first message, which must be the only greeting of its session. */
export class Greeting {
  /** Rejects with AGENT_VERSION, or the error that ended the session. */
  readonly hello: Promise<Hello>;
  #settle: { resolve: (hello: Hello) => void; reject: (error: GondolinError) => void } | null =
    null;

  constructor(session: MuxSession) {
    this.hello = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      void session.ended.then(reject);
    });
    // A caller that does not await the greeting learns of the session's end elsewhere.
    this.hello.catch(() => undefined);
  }

  /** Until it has come, no other message but LOG is allowed. */
  get isAwaited(): boolean {
    return this.#settle !== null;
  }

  /** @param message  Untrusted. @throws {GondolinError} GUEST_PROTOCOL for a second one. */
  receive(message: Extract<GuestMessage, { type: 'HELLO' }>): void {
    const waiting = this.#settle;
    if (waiting === null) throw guestProtocolError('one HELLO', { subject: 'HELLO' });
    this.#settle = null;
    const { version, agentVersion, kernelRelease } = message;
    if (version === PROTOCOL_VERSION) {
      waiting.resolve({
        agentVersion: printable(agentVersion),
        kernelRelease: printable(kernelRelease),
      });
      return;
    }
    const text = `The guest agent speaks protocol ${version}, this gondolin speaks ${PROTOCOL_VERSION}`;
    waiting.reject(new GondolinError('AGENT_VERSION', text, { details: { version } }));
  }
}
