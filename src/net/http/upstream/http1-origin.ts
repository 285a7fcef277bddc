import type { Socket } from 'node:net';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { MAX_IDLE_PER_ORIGIN, MAX_REPLAY_BYTES, type WaitingTimes } from '../../limits.ts';
import { systemCode } from '../../tcp/system-code.ts';
import { type Fields, fieldValue } from '../fields.ts';
import {
  ForwardingHandler,
  type ResponseHandler,
  type ResponseHead,
  type Tunnel,
} from '../response-handler.ts';
import { Http1Connection, type Http1Dial } from './http1-connection.ts';
import { Http1DedicatedCall, needsDedicatedCall } from './http1-dedicated-call.ts';
import { ReplayBody } from './replay-body.ts';
import { ReplayableAttempt } from './replayable-attempt.ts';
import type { UpstreamCall } from './upstream-call.ts';

type Undici = typeof import('undici');

/** Methods whose requests have the same effect sent twice as once (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * HTTP/1.1 to one origin: as many connections as there are requests at once, each with one request at a time.
 *
 * A server may close a kept connection at the moment it is used again, and there is no telling whether it has seen the request.
 * So only a request that may be sent twice uses a kept connection, and is sent once more on a new one; every other gets
 * a new one at once.
 */
export class Http1Origin {
  readonly #dial: Http1Dial;
  readonly #idle: Http1Connection[] = [];
  readonly #busy = new Set<Http1Connection>();
  /** By Node's client: undici cannot write them. */
  readonly #singles = new Set<Http1DedicatedCall>();
  #isRetired = false;

  /** @param open  Gives a connected, judged and (for https) verified socket. */
  constructor(
    undici: Undici,
    origin: string,
    open: () => Promise<Socket>,
    { responseStartMs }: Pick<WaitingTimes, 'responseStartMs'>,
  ) {
    this.#dial = { undici, origin, open, responseStartMs };
  }

  get activeCalls(): number {
    return this.#busy.size + this.#singles.size;
  }

  send(call: UpstreamCall, handler: ResponseHandler): void {
    if (needsDedicatedCall(call)) {
      const request = new Http1DedicatedCall(call, handler, this.#dial.responseStartMs);
      this.#singles.add(request);
      void request.run(this.#dial.open).then(() => this.#singles.delete(request));
    } else if (isRepeatable(call)) {
      this.#sendAgainAtNeed(call, handler);
    } else {
      this.#run(this.#connect(), call, handler);
    }
  }

  retire(): void {
    this.#isRetired = true;
    for (const connection of this.#idle.splice(0)) void connection.destroy();
  }

  async destroy(): Promise<void> {
    const closed = new GondolinError('NET_CLOSED', 'the network of this VM was closed');
    for (const request of this.#singles) request.fail(closed);
    const all = [...this.#idle.splice(0), ...this.#busy];
    await Promise.all(all.map((connection) => connection.destroy(closed)));
  }

  #sendAgainAtNeed(call: UpstreamCall, handler: ResponseHandler): void {
    const connection = this.#idle.pop();
    if (connection?.isKept !== true) {
      this.#run(connection ?? this.#connect(), call, handler);
      return;
    }
    const body = call.body === null ? null : new ReplayBody(call.body, MAX_REPLAY_BYTES);
    const replayable = { ...call, body };
    const again = (): void => this.#run(this.#connect(), replayable, once);
    const once = new ReplayableAttempt(handler, body);
    this.#run(
      connection,
      replayable,
      new ReplayableAttempt(handler, body, { again, isSafe: wasStale }),
    );
  }

  #connect(): Http1Connection {
    const connection = new Http1Connection(this.#dial, () => this.#drop(connection));
    return connection;
  }

  #run(connection: Http1Connection, call: UpstreamCall, handler: ResponseHandler): void {
    this.#busy.add(connection);
    const free = (isWhole: boolean): void => {
      this.#busy.delete(connection);
      if (isWhole && !this.#isRetired && this.#idle.length < MAX_IDLE_PER_ORIGIN)
        this.#idle.push(connection);
      else void connection.destroy();
    };
    connection.dispatch(call, new Freeing(handler, free));
  }

  /** A lost idle connection would only be dialled again. */
  #drop(connection: Http1Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    void connection.destroy();
  }
}

/** Gives the connection back with the end of the call. */
class Freeing extends ForwardingHandler {
  readonly #free: (isWhole: boolean) => void;

  constructor(next: ResponseHandler, free: (isWhole: boolean) => void) {
    super(next);
    this.#free = free;
  }

  override onEnd(trailers: Fields): void {
    this.#free(true);
    this.next.onEnd(trailers);
  }

  override onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    this.next.onUpgrade(head, tunnel);
    this.#free(false);
  }

  override onError(error: Error): void {
    this.#free(false);
    this.next.onError(error);
  }
}

/** True when the request may be sent twice, and all of it will be kept for that. */
function isRepeatable(call: UpstreamCall): boolean {
  if (!IDEMPOTENT.has(call.method) || call.upgrade !== null) return false;
  if (call.body === null) return true;
  const length = fieldValue(call.fields, 'content-length');
  return length !== null && Number(length) <= MAX_REPLAY_BYTES;
}

function wasStale(error: Error): boolean {
  const code = systemCode(error);
  return code === 'UND_ERR_SOCKET' || code === 'UPSTREAM_RESET' || code === 'EPIPE';
}
