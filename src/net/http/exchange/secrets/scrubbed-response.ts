import { STATUS_CODES } from 'node:http';
import type { Transform } from 'node:stream';
import { GondolinError } from '../../../../errors/gondolin-error.ts';
import type { ResponsePlan } from '../../../secret/scrub/response-plan.ts';
import type { SecretStore } from '../../../secret/secret-store.ts';
import { type Fields, fieldPairs, flatList } from '../../fields.ts';
import {
  ForwardingHandler,
  type ResponseHandler,
  type ResponseHead,
  type Tunnel,
} from '../../response-handler.ts';
import type { Exchange } from '../exchange.ts';
import { placeOf } from './request-secrets.ts';

/** Takes the values of secrets out of a response on its way to the guest (docs/network.md, "Secrets"). */
export class ScrubbedResponse extends ForwardingHandler {
  readonly #exchange: Exchange;
  readonly #store: SecretStore;
  readonly #scrub: readonly string[];
  #stages: readonly Transform[] = [];
  #plan: ResponsePlan | null = null;
  #trailers: Fields = [];
  /** Made here, because a function made in `onHead` would keep all of the exchange from being freed young. */
  readonly #makeRoom = (): void => {
    this.#stages.at(-1)?.resume();
  };

  /** @param scrub  Names of the secrets to look for. */
  constructor(
    next: ResponseHandler,
    exchange: Exchange,
    store: SecretStore,
    scrub: readonly string[],
  ) {
    super(next);
    this.#exchange = exchange;
    this.#store = store;
    this.#scrub = scrub;
    exchange.onOver((error) => {
      if (error !== null) for (const stage of this.#stages) stage.destroy();
    });
  }

  /** Hints are not scrubbed, and may always be left out. */
  override onInformation(status: number, fields: Fields): void {
    if (status === 100 || this.#scrub.length === 0) this.next.onInformation(status, fields);
  }

  override onHead(head: ResponseHead, resume: () => void): boolean {
    if (this.#scrub.length === 0) return this.next.onHead(head, resume);
    const { status } = head;
    const hasBody = this.#exchange.asked.method !== 'HEAD' && status !== 204 && status !== 304;
    const headers = fieldPairs(head.fields);
    const plan = this.#store.planResponse(this.#scrub, { headers, hasBody });
    this.#plan = plan;
    this.#stages = plan.createTransforms();
    const last = this.#stages.at(-1);
    // The words after the status are the server's too.
    const statusText = STATUS_CODES[status] ?? '';
    const scrubbed = { status, statusText, fields: flatList(plan.headers) };
    const isWanted = this.next.onHead(scrubbed, last === undefined ? resume : this.#makeRoom);
    this.#connect(resume);
    if (last === undefined) return isWanted;
    if (!isWanted) last.pause();
    return true;
  }

  override onData(chunk: Buffer): boolean {
    return this.#stages[0]?.write(chunk) ?? this.next.onData(chunk);
  }

  override onEnd(trailers: Fields): void {
    this.#trailers = trailers;
    const [first] = this.#stages;
    if (first === undefined) this.#end();
    else first.end();
  }

  override onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    const store = this.#store;
    const headers = fieldPairs(head.fields);
    const plan = store.planResponse(this.#scrub, { headers, hasBody: false });
    const outbound = store.createWebSocketLeakScan(placeOf(this.#exchange.context));
    const inbound = store.createWebSocketScrub(this.#scrub);
    const scrubbed = { ...head, fields: flatList(plan.headers) };
    this.next.onUpgrade(scrubbed, { ...tunnel, outbound, inbound });
  }

  /** Joins the stages to each other and to the next handler. */
  #connect(resume: () => void): void {
    const { guard } = this.#exchange;
    const onError = guard((error: Error) => this.next.onError(invalid(error)));
    this.#stages.forEach((stage, index) => {
      const following = this.#stages[index + 1];
      stage.on('error', onError);
      if (following !== undefined) stage.pipe(following);
    });
    this.#stages[0]?.on('drain', guard(resume));
    const last = this.#stages.at(-1);
    const onData = (chunk: Buffer): void => {
      if (!this.next.onData(chunk)) last?.pause();
    };
    const onEnd = guard(() => this.#end());
    last?.on('data', guard(onData)).once('end', onEnd);
  }

  #end(): void {
    const plan = this.#plan;
    const trailers = this.#trailers;
    this.next.onEnd(plan === null ? trailers : flatList(plan.scrubTrailers(fieldPairs(trailers))));
  }
}

/** A body that is not in the coding its header names. The library's message may quote bytes. */
function invalid(cause: Error): GondolinError {
  return new GondolinError('NET_UPSTREAM_INVALID', 'the body of the response cannot be decoded', {
    cause,
  });
}
