import { fieldPairs } from '../../net/http/fields.ts';
import type { GuestRequest } from '../../net/http/guest-request.ts';
import type { Target } from '../../net/http/request-context.ts';
import { ByteBudget } from './byte-budget.ts';
import { FetchCall, type ResponseRoom } from './call.ts';
import { type FollowedResponse, followRedirects } from './follow-redirects.ts';
import { FULL_BODIES, MAX_FETCHES } from './limits.ts';
import { type FetchRequest, readFetchRequest, targetOf } from './read-request.ts';

/** Where requests go. */
export interface RequestNetwork {
  request(guest: GuestRequest, target: Target): void;
  /** No request is in progress. */
  rest(): void;
}

export interface FetchSizes {
  /** Longest body of a request. */
  readonly requestBytes: number;
  /** Longest body of a response. */
  readonly responseBytes: number;
}

type Outcome = { readonly response: FollowedResponse } | { readonly error: string };

interface Pending {
  /** Breaks it off, and frees what it holds. */
  drop(reason: string): void;
  readonly settled: Promise<void>;
  outcome: Outcome | null;
}

/** The requests that the handlers of one engine make: at most {@link MAX_FETCHES} at once, and none outlives its call. */
export class Fetches {
  readonly #network: RequestNetwork;
  readonly #sizes: FetchSizes;
  readonly #room: ResponseRoom;
  readonly #bodies: ByteBudget;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(network: RequestNetwork, sizes: FetchSizes) {
    this.#network = network;
    this.#sizes = sizes;
    const { requestBytes, responseBytes } = sizes;
    this.#room = { maxBytes: responseBytes, budget: new ByteBudget(FULL_BODIES * responseBytes) };
    this.#bodies = new ByteBudget(FULL_BODIES * requestBytes);
  }

  /** Calls a function of `FETCH_MODULE`. All of it is a guest's. @throws {TypeError} for the handler. */
  call(name: string, args: readonly unknown[]): unknown {
    switch (name) {
      case 'start':
        return this.#start(readFetchRequest(args[0], args[1], this.#sizes.requestBytes));
      case 'wait':
        return this.#wait(args[0], args[1]);
      case 'take':
        return this.#take(args[0]);
      case 'cancel':
        this.#drop(Number(args[0]));
        return undefined;
      default:
        throw new TypeError('fetch: no such function');
    }
  }

  /** Breaks all requests off: their call has ended. */
  cancelAll(): void {
    for (const { drop } of this.#pending.values()) drop('the call has ended');
    this.#pending.clear();
    this.#network.rest();
  }

  #start(request: FetchRequest): number {
    if (this.#pending.size >= MAX_FETCHES) {
      throw new TypeError(`fetch: more than ${MAX_FETCHES} requests at once`);
    }
    // A mistake in the first URL is the handler's, like any other of its arguments.
    targetOf(request.url);
    if (!this.#bodies.take(request.body?.length ?? 0)) {
      throw new TypeError('fetch: the requests in progress have too many bytes together');
    }
    this.#lastId += 1;
    this.#pending.set(this.#lastId, this.#send(request));
    return this.#lastId;
  }

  #send(request: FetchRequest): Pending {
    let current: FetchCall | null = null;
    let dropped: string | null = null;
    const send = async (next: FetchRequest) => {
      if (dropped !== null) throw new Error(dropped);
      // The body of a redirect is not wanted.
      current?.response.release();
      const target = targetOf(next.url);
      current = new FetchCall(next, target, this.#room);
      this.#network.request(current, target);
      return current.response.whole;
    };
    const pending: Pending = {
      outcome: null,
      drop(reason) {
        dropped = reason;
        current?.response.cancel(reason);
        current?.response.release();
      },
      settled: followRedirects(request, send)
        .then(
          (response) => {
            pending.outcome = { response };
          },
          (error: Error) => {
            pending.outcome = { error: error.message };
          },
        )
        .finally(() => this.#bodies.give(request.body?.length ?? 0)),
    };
    return pending;
  }

  /** Resolves with what has come of the first request that is over, or null once the time has passed. */
  async #wait(given: unknown, limitMs: unknown): Promise<unknown> {
    if (!Array.isArray(given)) throw new TypeError('fetch: bad ids');
    // More can only be ids of earlier calls, which come first and need no waiting.
    const ids = given.slice(0, MAX_FETCHES);
    const found = this.#over(ids);
    if (found !== null) return found;
    const known = ids.flatMap((id: unknown) => this.#pending.get(Number(id)) ?? []);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      const isLimited = typeof limitMs === 'number' && limitMs >= 0 && limitMs < 2 ** 31;
      if (isLimited) timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([...known.map(({ settled }) => settled), late]);
    clearTimeout(timer);
    return this.#over(ids);
  }

  #over(ids: readonly unknown[]): object | null {
    for (const given of ids) {
      const id = Number(given);
      const pending = this.#pending.get(id);
      // From before a restore, or of a call that has ended.
      if (pending === undefined) return { id, error: 'the request was cancelled with its call' };
      const { outcome } = pending;
      if (outcome === null) continue;
      if ('response' in outcome) return { id, ...headOf(outcome.response) };
      this.#drop(id);
      return { id, error: outcome.error };
    }
    return null;
  }

  /** The body of a response that `wait` gave; it is not held any longer. */
  #take(given: unknown): Uint8Array {
    const id = Number(given);
    const outcome = this.#pending.get(id)?.outcome;
    if (outcome === null || outcome === undefined || !('response' in outcome)) {
      throw new TypeError('fetch: there is no such response');
    }
    this.#drop(id);
    return outcome.response.body;
  }

  #drop(id: number): void {
    this.#pending.get(id)?.drop('the request was aborted');
    this.#pending.delete(id);
  }
}

function headOf({ status, statusText, fields, url, isRedirected }: FollowedResponse): object {
  return { status, statusText, headers: fieldPairs(fields), url: url.href, isRedirected };
}
