import { writeAuthority } from '../../net/http/authority.ts';
import type { GuestRequest, GuestResponse } from '../../net/http/guest-request.ts';
import type { Target } from '../../net/http/request-context.ts';
import type { Attempt, ResponseHead, Tunnel } from '../../net/http/response-handler.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { FetchRequest } from './read-request.ts';

/** A response, whole. */
export interface CallResponse extends ResponseHead {
  readonly body: Buffer;
}

/** The bounds of a response. */
export interface ResponseRoom {
  readonly maxBytes: number;
  /** Shared by the responses of one sandbox. */
  readonly budget: ByteBudget;
}

const NO_FIELDS: readonly string[] = [];

/** One request and its response, as the network takes those of a guest. */
export class FetchCall implements GuestRequest {
  readonly method: string;
  readonly target: string;
  readonly authorities: readonly string[];
  readonly fields: readonly string[];
  readonly httpVersion = 'HTTP/1.1';
  readonly hasBody: boolean;
  readonly expectsContinue = false;
  readonly isUpgrade = false;
  readonly response: CollectedResponse;
  readonly #body: Buffer | null;

  constructor({ method, url, headers, body }: FetchRequest, to: Target, room: ResponseRoom) {
    const authority = writeAuthority(to);
    const isGiven = (name: string) => headers.some(([given]) => given === name);
    const fields = ['host', authority, ...headers.flat()];
    if (!isGiven('accept')) fields.push('accept', '*/*');
    // Nothing here would decompress it.
    if (!isGiven('accept-encoding')) fields.push('accept-encoding', 'identity');
    if (!isGiven('user-agent')) fields.push('user-agent', 'gondolin');
    const isLengthSent = body !== null || method === 'POST' || method === 'PUT';
    if (isLengthSent) fields.push('content-length', String(body?.length ?? 0));
    this.method = method;
    this.target = url.pathname + url.search;
    this.authorities = [authority];
    this.fields = fields;
    this.hasBody = body !== null && body.length > 0;
    this.#body = body;
    this.response = new CollectedResponse(room);
  }

  async *readBody(): AsyncGenerator<Buffer> {
    if (this.#body !== null) yield this.#body;
  }

  trailers(): readonly string[] {
    return NO_FIELDS;
  }
}

/** Collects a response, up to a size. */
class CollectedResponse implements GuestResponse {
  /** Rejects when the response breaks off, is too long or is cancelled. */
  readonly whole: Promise<CallResponse>;
  readonly #room: ResponseRoom;
  #resolve: (response: CallResponse) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #abort: (() => void) | null = null;
  #head: ResponseHead | null = null;
  #chunks: Buffer[] = [];
  #length = 0;
  #isOver = false;
  #releaseListeners: (() => void)[] = [];

  constructor(room: ResponseRoom) {
    this.#room = room;
    this.whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.whole.catch(() => undefined);
  }

  get hasBegun(): boolean {
    return this.#head !== null;
  }

  /** Gives the bytes of the whole response back to the budget. */
  release(): void {
    this.#room.budget.give(this.#length);
    this.#length = 0;
  }

  /** Breaks it off. */
  cancel(reason: string): void {
    this.#fail(new Error(reason));
    this.#abort?.();
  }

  onReleased(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#releaseListeners.push(listener);
  }

  onStart({ abort }: Attempt): void {
    this.#abort = abort;
    if (this.#isOver) abort();
  }

  onInformation(): void {
    // Nobody waits for them.
  }

  onHead(head: ResponseHead): boolean {
    this.#head = head;
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#isOver) return true;
    const { maxBytes, budget } = this.#room;
    if (this.#length + chunk.length > maxBytes) {
      this.cancel(`the response has more bytes than the input buffer, ${maxBytes}`);
    } else if (budget.take(chunk.length)) {
      this.#length += chunk.length;
      this.#chunks.push(chunk);
    } else {
      this.cancel('the responses that wait have too many bytes together');
    }
    return true;
  }

  onEnd(): void {
    if (this.#isOver || this.#head === null) return;
    this.#resolve({ ...this.#head, body: Buffer.concat(this.#chunks) });
    this.#end();
  }

  dismiss(head: ResponseHead): void {
    this.onHead(head);
    this.onEnd();
  }

  onUpgrade(_head: ResponseHead, tunnel: Tunnel): void {
    tunnel.stream.destroy();
    this.#fail(new Error('the server left HTTP'));
  }

  onError(error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#reject(error);
    this.#end();
    this.release();
  }

  #end(): void {
    this.#isOver = true;
    this.#chunks = [];
    for (const listener of this.#releaseListeners.splice(0)) listener();
  }
}
