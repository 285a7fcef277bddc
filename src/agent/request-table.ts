import { GondolinError } from '../errors/gondolin-error.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import { MAX_HOST_PAYLOAD_BYTES } from '../protocol/constants.ts';
import type { GuestMessage } from '../protocol/guest-message.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import { encodeHostMessage, type HostRequest } from '../protocol/host-message.ts';
import { type Failed, requestError } from './request-error.ts';

type Reply = Extract<GuestMessage, { type: 'OK' | 'FAILED' }>;

/** How one request is answered. */
export interface ReplyHandling<T> {
  /**
   * Turns the body of `OK` into the result; throws GUEST_PROTOCOL for a wrong one. Called before any later message is
   * handled, also for an answer that came too late.
   */
  readonly decode: (body: Buffer, requestId: number) => T;
  /** @default AGENT_REQUEST_FAILED */
  readonly toError?: (failed: Failed) => GondolinError;
  /** Called for an `OK` after the time limit, when nobody waits for the result any more. */
  readonly onLateOk?: (requestId: number) => void;
  /** In milliseconds, from the sending on. */
  readonly timeoutMs: number;
  /** `cork` holds back everything sent after the request until one with `uncork`, which is sent first. */
  readonly flow?: 'cork' | 'uncork';
}

/**
 * Requests of which the reply may still come after their time. Each holds its place in the table, and its frame where the
 * guest does not read: a guest that leaves more unanswered is over.
 */
const MAX_LATE_REPLIES = 256;

interface Waiting {
  readonly settle: (reply: Reply) => void;
  readonly reject: (error: GondolinError) => void;
}

/** Requests on their way: gives each its id and matches each reply to exactly one. */
export class RequestTable {
  readonly #session: MuxSession;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #lateReplies = 0;

  constructor(session: MuxSession) {
    this.#session = session;
    void session.ended.then((error) => this.#failAll(error));
  }

  /**
   * Sends a request and waits for its reply.
   * @throws {GondolinError} AGENT_REQUEST_FAILED (or `toError`'s); AGENT_TIMEOUT; AGENT_REQUEST_TOO_LARGE;
   *   PROTOCOL_TEXT_HAS_NUL; the error that ended the session.
   */
  async send<T>(request: HostRequest, handling: ReplyHandling<T>): Promise<T> {
    const id = this.#nextId;
    const payload = encodeHostMessage(id, request);
    if (payload.length > MAX_HOST_PAYLOAD_BYTES) throw tooLarge(request, payload.length);
    if (handling.flow === 'cork') this.#session.sendThenCork(payload);
    else if (handling.flow === 'uncork') this.#session.uncorkAndSend(payload);
    else this.#session.sendMessage(payload);
    this.#nextId += 1;
    return new Promise<T>((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(timedOut(request, handling.timeoutMs));
        this.#noteLate();
      }, handling.timeoutMs);
      this.#waiting.set(id, {
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
        settle: (reply) => {
          clearTimeout(timer);
          if (isLate) this.#lateReplies -= 1;
          if (reply.type === 'FAILED') {
            reject(handling.toError?.(reply) ?? requestError(request.type, reply));
            return;
          }
          resolve(handling.decode(reply.body, id));
          if (isLate) handling.onLateOk?.(id);
        },
      });
    });
  }

  /** Untrusted. @throws {GondolinError} GUEST_PROTOCOL when no request waits for this reply, or its body is wrong. */
  settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.requestId);
    if (waiting === undefined) {
      throw guestProtocolError('the id of a request without a reply', {
        subject: reply.type,
        got: reply.requestId,
      });
    }
    // Only then: a wrong body ends the session, and that must still find the one who waits.
    waiting.settle(reply);
    this.#waiting.delete(reply.requestId);
  }

  #noteLate(): void {
    this.#lateReplies += 1;
    if (this.#lateReplies <= MAX_LATE_REPLIES) return;
    this.#session.fail(
      guestProtocolError('replies to requests', { subject: 'OK', limit: MAX_LATE_REPLIES }),
    );
  }

  #failAll(error: GondolinError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

function timedOut(request: HostRequest, timeoutMs: number): GondolinError {
  return new GondolinError(
    'AGENT_TIMEOUT',
    `the guest did not answer ${request.type} within ${timeoutMs} ms`,
    {
      details: { request: request.type, timeoutMs },
    },
  );
}

function tooLarge(request: HostRequest, bytes: number): GondolinError {
  const sizes =
    request.type === 'EXEC'
      ? { argvBytes: byteSize(request.argv), envBytes: byteSize(request.env) }
      : {};
  const message = `send ${request.type}: ${bytes} bytes, the limit is ${MAX_HOST_PAYLOAD_BYTES}`;
  return new GondolinError('AGENT_REQUEST_TOO_LARGE', message, {
    details: { request: request.type, bytes, limit: MAX_HOST_PAYLOAD_BYTES, ...sizes },
  });
}

function byteSize(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
