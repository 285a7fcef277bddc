import { GondolinError } from '../errors/gondolin-error.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import { MAX_HOST_PAYLOAD_BYTES } from '../protocol/constants.ts';
import type { GuestMessage } from '../protocol/guest-message.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import { encodeHostMessage, type HostRequest } from '../protocol/host-message.ts';
import { type FailedReply, requestError } from './request-error.ts';

type Reply = Extract<GuestMessage, { type: 'OK' | 'FAILED' }>;

/** Handles the reply to one request. */
export interface ReplyHandling<T> {
  /**
   * Returns the result from the body of `OK`; throws GUEST_PROTOCOL for a malformed one. Called before any later message is
   * handled, also for a reply after the time limit.
   */
  readonly decode: (body: Buffer, requestId: number) => T;
  /** Returns the error for `FAILED`. @default AGENT_REQUEST_FAILED */
  readonly toError?: (failed: FailedReply) => GondolinError;
  /** Called for an `OK` after the time limit, when the caller no longer waits for the result. */
  readonly onLateOk?: (requestId: number) => void;
  /** Limit in milliseconds, from the moment of sending. */
  readonly timeoutMs: number;
  /** `cork` holds back everything sent after the request until one with `uncork`, which is sent first. */
  readonly flow?: 'cork' | 'uncork';
  /** @default the next unused one */
  readonly id?: number;
}

/**
 * Requests past their limit whose reply may still come. Each keeps its entry in the table, and its frame when the guest
 * does not read. A guest that leaves more without a reply ends its session.
 */
const MAX_LATE_REPLIES = 256;

interface Waiting {
  readonly settle: (reply: Reply) => void;
  readonly reject: (error: GondolinError) => void;
}

/** Requests without a reply: assigns their ids and matches each reply to exactly one of them. */
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
    const id = handling.id ?? this.#nextId;
    const payload = encodeHostMessage(id, request);
    if (payload.length > MAX_HOST_PAYLOAD_BYTES) throw tooLarge(request, payload.length);
    if (handling.flow === 'cork') this.#session.sendThenCork(payload);
    else if (handling.flow === 'uncork') this.#session.uncorkAndSend(payload);
    else this.#session.sendMessage(payload);
    if (handling.id === undefined) this.#nextId += 1;
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

  /** Handles an untrusted reply. @throws {GondolinError} GUEST_PROTOCOL when no request waits for it or its body is malformed. */
  settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.requestId);
    if (waiting === undefined) {
      throw guestProtocolError('the id of a request without a reply', {
        subject: reply.type,
        got: reply.requestId,
      });
    }
    // Deleted last: a malformed body ends the session, which must still reject this request.
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
    `the guest did not reply to ${request.type} within ${timeoutMs} ms`,
    { details: { request: request.type, timeoutMs } },
  );
}

function tooLarge(request: HostRequest, bytes: number): GondolinError {
  const sizes =
    request.type === 'EXEC'
      ? { argvBytes: byteSize(request.argv), envBytes: byteSize(request.env) }
      : {};
  const message = `Cannot send ${request.type}: ${bytes} bytes, the limit is ${MAX_HOST_PAYLOAD_BYTES}`;
  return new GondolinError('AGENT_REQUEST_TOO_LARGE', message, {
    details: { request: request.type, bytes, limit: MAX_HOST_PAYLOAD_BYTES, ...sizes },
  });
}

function byteSize(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
