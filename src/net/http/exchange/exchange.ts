import type { Duplex } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { MAX_INFORMATIONAL_ANSWERS } from '../../limits.ts';
import type { Refusal } from '../../refusal/refusal.ts';
import { LeakError } from '../../secret/leak/leak-error.ts';
import type { SpliceResult } from '../../tcp/splice.ts';
import { endToEnd, type Fields } from '../fields.ts';
import { createGuard, guardHandler } from '../guard.ts';
import type { GuestRequest, GuestUpgrade } from '../guest-request.ts';
import type { HttpServices, RequestContext } from '../request-context.ts';
import type { ResponseHead, UpstreamHandler } from '../upstream/upstream-call.ts';
import { upstreamError } from '../upstream/upstream-error.ts';
import { ExchangeRecord } from './audit/exchange-record.ts';
import { buildCall } from './build-call.ts';
import { GuestSink } from './guest-sink.ts';
import { askHooks } from './hooks/ask-hooks.ts';
import { sendResponse } from './hooks/send-response.ts';
import { type AskedRequest, headBytes, readRequest } from './judge/asked-request.ts';
import { judgeRequest } from './judge/judge-request.ts';
import type { RequestSlot } from './limit/guest-load.ts';
import { outgoingOf } from './outgoing-request.ts';
import { type RefusalPage, toRefusalPage } from './refusal/refusal-page.ts';
import { dismiss, sendRefusal } from './refusal/send-refusal.ts';
import { toRefusal } from './refusal/to-refusal.ts';
import { answerPath, assertChunked, isHint, NOT_FOR_GUESTS } from './response-path.ts';
import type { AnswerSink } from './response-sink.ts';
import { type OutgoingRequest, placeOf } from './secrets/request-secrets.ts';
import { openTunnel } from './websocket-tunnel.ts';

/**
 * One request of the guest and its answer: judged, shown to the hooks, given its secrets, sent on, answered. Bodies
 * stream both ways; the slower side holds the faster one back.
 */
export class Exchange implements UpstreamHandler {
  readonly #services: HttpServices;
  readonly #guest: GuestRequest | GuestUpgrade;
  readonly #asked: AskedRequest;
  readonly #record: ExchangeRecord;
  /** What Node, a stream or a promise calls: a throw ends this exchange, never the process. */
  readonly #guard = createGuard((error) => this.#fault(error));
  #context: RequestContext;
  #sink: AnswerSink;
  #hookRequest: Request | null = null;
  #scrub: readonly string[] = [];
  #abort: (() => void) | null = null;
  #resume: (() => void) | null = null;
  /** Told when the exchange is over, whoever ended it. */
  #onOver: (() => void) | null = null;
  #hasUpstreamEnded = false;
  #slot: RequestSlot | null = null;
  /** The call waits for a connection: until it has one it can't be taken back. */
  #isWaiting = false;
  #informationalAnswers = 0;
  #isDone = false;

  constructor(guest: GuestRequest | GuestUpgrade, context: RequestContext, services: HttpServices) {
    this.#guest = guest;
    this.#asked = readRequest(guest, context);
    this.#context = context;
    this.#services = services;
    this.#record = new ExchangeRecord(this.#asked, context, services);
    this.#sink = new GuestSink(guest.answer, {
      onHead: (head) => this.#record.noteHead(head, head.fields),
      onRoom: () => this.#resume?.(),
      onEnd: () => this.#finish(null),
      onFailure: (error) => this.onError(error),
    });
  }

  /** Answers the request, whatever comes. Never throws. */
  run(): void {
    this.#guard(() => this.#begin())();
  }

  #begin(): void {
    const { load, turns } = this.#services;
    const slot = load.admit(headBytes(this.#asked));
    if (slot === null) {
      this.#isDone = true;
      dismiss(this.#guest.answer, this.#asked, this.#context);
      return;
    }
    this.#slot = slot;
    this.#guest.answer.onReleased(slot.releaseGuest);
    this.#guest.answer.listen({
      onDrain: this.#guard(() => this.#sink.hasRoom()),
      onGone: this.#guard(() => this.#finish('the guest closed the connection')),
    });
    turns.run(this.#guard(() => this.#judge(slot)));
  }

  #judge(slot: RequestSlot): void {
    // It may have waited for its turn.
    if (this.#isDone) return;
    const judged = judgeRequest(this.#asked, this.#context, this.#services);
    if (!judged.isAllowed) {
      this.#isDone = true;
      slot.releaseServer();
      this.#refuse(judged.refusal);
      return;
    }
    const body = this.#guest.hasBody ? this.#record.countBody(this.#body()) : null;
    const outgoing = outgoingOf(this.#guest, judged.path, body);
    if (this.#services.hooks === null) this.#send(outgoing);
    else this.#showHooks(outgoing).catch((error: Error) => this.#fault(error));
  }

  /** With hooks the first who reads the body asks the guest for it; else the server does. */
  async *#body(): AsyncGenerator<Buffer> {
    if (this.#services.hooks !== null) this.#guest.answer.invite();
    yield* this.#guest.readBody();
  }

  async #showHooks(outgoing: OutgoingRequest): Promise<void> {
    try {
      const next = await askHooks(this.#asked, outgoing, this.#context, this.#services);
      this.#hookRequest = next.request;
      if (this.#isDone) {
        if (next.kind === 'answer') await next.response.body?.cancel();
      } else if (next.kind === 'answer') await this.#answerByHook(next.response);
      else if (next.kind === 'refuse') {
        this.#context = next.context;
        this.#finishWith(next.refusal);
      } else {
        this.#context = next.context;
        this.#send(next.outgoing);
      }
    } catch (error) {
      this.onError(error as Error);
    }
  }

  async #answerByHook(response: Response): Promise<void> {
    this.#record.open();
    const waitForRoom = () =>
      new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    const onOver = (listener: () => void): void => {
      this.#onOver = () => {
        listener();
        this.#resume?.();
      };
    };
    const flow = { waitForRoom, trailers: () => [], onOver };
    await sendResponse(response, this.#sink, flow, false);
  }

  /** Values go in last: no hook has seen them. */
  #send(outgoing: OutgoingRequest): void {
    try {
      const ready = buildCall(outgoing, this.#guest, this.#context, this.#services);
      this.#scrub = ready.scrub;
      this.#record.noteSecrets(ready.used);
      this.#isWaiting = true;
      const handler = guardHandler(this, this.#guard);
      this.#services.upstream.send(this.#context, this.#context.protocol, ready.call, handler);
    } catch (error) {
      this.onError(error as Error);
    }
  }

  onStart(attempt: { abort(): void; readonly address: string | null }): void {
    this.#abort = attempt.abort;
    this.#stopWaiting();
    if (this.#isDone) {
      attempt.abort();
      return;
    }
    this.#record.open();
    this.#record.noteAddress(attempt.address);
  }

  onInformation(status: number, fields: Fields): void {
    if (status === 100) {
      if (!this.#isDone) this.#guest.answer.invite();
      return;
    }
    this.#informationalAnswers += 1;
    if (this.#informationalAnswers > MAX_INFORMATIONAL_ANSWERS) {
      const message = `${this.#context.name} sends informational responses without end`;
      this.onError(new GondolinError('NET_UPSTREAM_INVALID', message));
    } else if (!this.#isDone && isHint(status) && this.#scrub.length === 0) {
      this.#guest.answer.inform(status, endToEnd(fields));
    }
  }

  onHead(head: ResponseHead, resume: () => void): boolean {
    if (this.#isDone) return true;
    this.#resume = resume;
    try {
      assertChunked(head, this.#context.name);
      this.#sink = this.#answerPath(head);
      this.#sink.begin({ ...head, fields: endToEnd(head.fields, NOT_FOR_GUESTS) });
    } catch (error) {
      this.onError(error as Error);
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#isDone) return true;
    this.#record.noteData(chunk.length);
    return this.#sink.write(chunk);
  }

  onEnd(trailers: Fields): void {
    this.#hasUpstreamEnded = true;
    if (!this.#isDone) this.#sink.end(endToEnd(trailers));
  }

  onUpgrade(head: ResponseHead, stream: Duplex): void {
    const guest = this.#guest;
    this.#hasUpstreamEnded = true;
    if (this.#isDone || !('accept' in guest)) {
      stream.destroy();
      this.onError(new Error('the server left HTTP unasked'));
      return;
    }
    try {
      this.#tunnel(guest, head, stream);
    } catch (error) {
      // A field of the server that cannot stand in a head.
      stream.destroy();
      this.onError(error as Error);
    }
  }

  #tunnel(guest: GuestUpgrade, head: ResponseHead, stream: Duplex): void {
    const { fields, ended } = openTunnel(guest, head, stream, {
      secrets: this.#services.secrets,
      scrub: this.#scrub,
      to: placeOf(this.#context),
    });
    this.#record.noteHead(head, fields);
    const onEnd = this.#guard((end: SpliceResult) => {
      this.#record.noteTunnel(end);
      if (end.error instanceof LeakError) this.#record.refused(end.error.leak, this.#context, null);
      this.#finish(end.error === null ? null : end.error.message);
    });
    void ended.then(onEnd);
  }

  onError(error: Error): void {
    this.#stopWaiting();
    if (this.#isDone) return;
    this.#hasUpstreamEnded = true;
    const refusal = toRefusal(error, this.#context);
    if (this.#guest.answer.hasBegun) {
      this.#record.refused(refusal, this.#context, null);
      this.#guest.answer.reset();
      this.#finish(upstreamError(error, this.#context.name).message);
      return;
    }
    if (GondolinError.is(error) && error.code === 'NET_HOOK_FAILED') this.#services.fault(error);
    // A server that failed was asked; a request that was blocked never went out.
    const page = toRefusalPage(refusal, this.#context);
    if (refusal.kind === 'failed' && page.status >= 500) this.#record.open();
    this.#finishWith(refusal);
  }

  #answerPath(head: ResponseHead): AnswerSink {
    const owner = {
      onRoom: () => this.#resume?.(),
      onFailure: (error: Error) => this.onError(error),
      guard: this.#guard,
    };
    return answerPath(this.#sink, owner, head, {
      method: this.#asked.method,
      hookRequest: this.#hookRequest,
      scrub: this.#scrub,
      services: this.#services,
    });
  }

  /** A failure of ours. */
  #fault(error: Error): void {
    this.#services.fault(error);
    this.#hasUpstreamEnded = false;
    this.#guest.answer.reset();
    this.#finish('gondolin failed');
  }

  #finishWith(refusal: Refusal): void {
    this.#finish(this.#refuse(refusal).message);
  }

  #stopWaiting(): void {
    this.#isWaiting = false;
    this.#freeSlot();
  }

  /** A cancelled request that still waits for its server is held in memory: it counts as one until then. */
  #freeSlot(): void {
    if (this.#isDone && !this.#isWaiting) this.#slot?.releaseServer();
  }

  /** The one end of an allowed request. */
  #finish(error: string | null): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#freeSlot();
    this.#onOver?.();
    if (!this.#hasUpstreamEnded || error !== null) this.#abort?.();
    if (error !== null) this.#sink.destroy();
    this.#record.finish(error);
  }

  #refuse(refusal: Refusal): RefusalPage {
    const page = toRefusalPage(refusal, this.#context);
    const head = sendRefusal(this.#guest.answer, this.#asked, page);
    this.#record.noteHead(head, head.fields);
    this.#record.refused(refusal, this.#context, page.status);
    return page;
  }
}
