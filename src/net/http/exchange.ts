import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { HookSink } from '../hooks/hook-sink.ts';
import { runRequestHooks } from '../hooks/run-request-hooks.ts';
import { sendResponse } from '../hooks/send-response.ts';
import { HEAD_FIELD_BYTES, MAX_INFORMATIONAL_ANSWERS } from '../limits.ts';
import type { SpliceResult } from '../tcp/splice.ts';
import type { AnswerSink } from './answer-sink.ts';
import { ScrubSink } from './answer-sink.ts';
import { type AskedRequest, readRequest } from './asked-request.ts';
import { blockedEvent, headerList } from './audit-request.ts';
import { buildCall } from './build-call.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { endToEnd, type Fields, fieldValues, flatList, NOT_IN_TRAILERS } from './fields.ts';
import { createGuard, guardHandler } from './guard.ts';
import type { RequestSlot } from './guest-load.ts';
import type { GuestRequest, GuestUpgrade } from './guest-request.ts';
import { GuestSink } from './guest-sink.ts';
import { judgeMoved, judgeRequest } from './judge-request.ts';
import { type Refusal, renderRefusal } from './refusal.ts';
import { refusalOf } from './refusal-of.ts';
import { assertNoLeak, leakEvent, type OutgoingRequest } from './request-secrets.ts';
import type { HttpServices, Site } from './site.ts';
import type { ResponseHead, UpstreamHandler } from './upstream-call.ts';
import { upstreamError } from './upstream-error.ts';
import { tunnelWebSocket } from './websocket-tunnel.ts';

/** Advertises other addresses or QUIC: a guest that followed it would only find it closed. */
const NOT_FOR_GUESTS: ReadonlySet<string> = new Set(['alt-svc']);
const NOT_FOR_SERVERS: ReadonlySet<string> = new Set(['host']);

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
  #site: Site;
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

  constructor(guest: GuestRequest | GuestUpgrade, site: Site, services: HttpServices) {
    this.#guest = guest;
    this.#asked = readRequest(guest, site);
    this.#site = site;
    this.#services = services;
    this.#record = new ExchangeRecord(this.#asked, site, services);
    this.#sink = new GuestSink(guest.answer, {
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
    const slot = load.admit(headBytes(this.#guest));
    if (slot === null) {
      this.#dismiss('too many requests are on their way');
      return;
    }
    this.#slot = slot;
    this.#guest.answer.onReleased(slot.releaseGuest);
    this.#guest.answer.listen({
      onDrain: this.#guard(() => this.#sink.hasRoom()),
      onGone: this.#guard(() => this.#finish('the guest went away')),
    });
    turns.run(this.#guard(() => this.#judge(slot)));
  }

  #judge(slot: RequestSlot): void {
    // It may have waited for its turn.
    if (this.#isDone) return;
    const judged = judgeRequest(this.#asked, this.#site, this.#services);
    if (!judged.isAllowed) {
      this.#isDone = true;
      slot.releaseServer();
      this.#refuse(judged.refusal);
      return;
    }
    const guest = this.#guest;
    const outgoing: OutgoingRequest = {
      method: guest.method,
      path: judged.path,
      fields: endToEnd(guest.fields, NOT_FOR_SERVERS),
      body: guest.hasBody ? this.#record.countBody(this.#body(guest)) : null,
      trailers: () => endToEnd(guest.trailers(), NOT_IN_TRAILERS),
    };
    if (this.#services.hooks === null) this.#send(outgoing);
    else this.#showHooks(outgoing).catch((error: Error) => this.#fault(error));
  }

  /** With hooks the first who reads the body asks the guest for it; else the server does. */
  async *#body(guest: GuestRequest): AsyncGenerator<Buffer> {
    if (this.#services.hooks !== null) guest.answer.invite();
    yield* guest.readBody();
  }

  async #showHooks(outgoing: OutgoingRequest): Promise<void> {
    const { hooks, secrets, policy } = this.#services;
    if (hooks === null) return;
    try {
      if (secrets !== null) assertNoLeak(secrets, outgoing, this.#site);
      const hooked = await runRequestHooks(hooks, outgoing, this.#asked.url);
      if (this.#isDone) {
        if (hooked.kind === 'answer') await hooked.response.body?.cancel();
        return;
      }
      this.#hookRequest = hooked.request;
      if (hooked.kind === 'answer') {
        await this.#answerByHook(hooked.response);
        return;
      }
      const moved = judgeMoved(hooked.url, outgoing, hooked.outgoing, this.#site, policy);
      if (!moved.isAllowed) this.#finishWith(moved.refusal);
      else {
        this.#site = moved.site;
        this.#send(hooked.outgoing);
      }
    } catch (error) {
      this.onError(error as Error);
    }
  }

  async #answerByHook(response: Response): Promise<void> {
    this.#record.open();
    const flow = {
      waitForRoom: () =>
        new Promise<void>((resolve) => {
          this.#resume = resolve;
        }),
      trailers: () => [],
      onOver: (listener: () => void) => {
        this.#onOver = () => {
          listener();
          this.#resume?.();
        };
      },
    };
    await sendResponse(response, this.#watched(this.#sink), flow, false);
  }

  /** Values go in last: no hook has seen them. */
  #send(outgoing: OutgoingRequest): void {
    try {
      const ready = buildCall(outgoing, this.#guest, this.#site, this.#services);
      this.#scrub = ready.scrub;
      this.#record.noteSecrets(ready.used);
      this.#isWaiting = true;
      const handler = guardHandler(this, this.#guard);
      this.#services.upstream.send(this.#site, this.#site.protocol, ready.call, handler);
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
      const message = `${this.#site.name} sends informational answers without end`;
      this.onError(new GondolinError('NET_UPSTREAM_INVALID', message));
      return;
    }
    const isHint = status >= 100 && status < 200 && status !== 101;
    const isPassedOn = !this.#isDone && isHint && this.#scrub.length === 0;
    if (isPassedOn) this.#guest.answer.inform(status, endToEnd(fields));
  }

  onHead(head: ResponseHead, resume: () => void): boolean {
    if (this.#isDone) return true;
    this.#resume = resume;
    const codings = fieldValues(head.fields, 'transfer-encoding').join(',').trim().toLowerCase();
    if (codings !== '' && codings !== 'chunked') {
      // What is coded otherwise would pass the scrubber, and reach the guest without the word that says so.
      const message = `${this.#site.name} used a transfer coding that is not chunked`;
      this.onError(new GondolinError('NET_UPSTREAM_INVALID', message));
      return true;
    }
    try {
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
    const { secrets } = this.#services;
    const plan = secrets?.planResponse(this.#scrub, {
      headers: headerList(endToEnd(head.fields)),
      hasBody: false,
    });
    const fields = plan === undefined ? endToEnd(head.fields) : flatList(plan.headers);
    this.#record.noteHead(head, fields);
    const opened = guest.accept(head.statusText, fields);
    const patterns = secrets?.patternsFor(this.#scrub) ?? null;
    const done = this.#guard((end: SpliceResult) => {
      this.#record.noteTunnel(end);
      if (end.error !== null) this.#emitLeak(end.error, null);
      this.#finish(end.error === null ? null : end.error.message);
    });
    void tunnelWebSocket(opened, stream, { index: secrets?.index ?? null, patterns }).then(done);
  }

  onError(error: Error): void {
    this.#stopWaiting();
    if (this.#isDone) return;
    this.#hasUpstreamEnded = true;
    if (this.#guest.answer.hasBegun) {
      this.#emitLeak(error, null);
      this.#guest.answer.reset();
      this.#finish(upstreamError(error, this.#site.name).message);
      return;
    }
    const refusal = refusalOf(error, this.#site, this.#services.secrets);
    this.#emitLeak(error, refusal.status);
    if (GondolinError.is(error) && error.code === 'NET_HOOK_FAILED') this.#services.fault(error);
    // A server that failed was asked; what policy refused never went out.
    if (refusal.status >= 500) this.#record.open();
    this.#finishWith(refusal);
  }

  #answerPath(head: ResponseHead): AnswerSink {
    const { secrets, hooks } = this.#services;
    const owner = {
      onRoom: () => this.#resume?.(),
      onFailure: (error: Error) => this.onError(error),
      guard: this.#guard,
    };
    let sink = this.#watched(this.#sink);
    if (hooks?.onResponse !== undefined && this.#hookRequest !== null) {
      sink = new HookSink(sink, owner, hooks.onResponse, this.#hookRequest);
    }
    if (this.#scrub.length === 0 || secrets === null) return sink;
    const isBodiless = this.#guest.method === 'HEAD' || head.status === 204 || head.status === 304;
    const headers = headerList(endToEnd(head.fields, NOT_FOR_GUESTS));
    const plan = secrets.planResponse(this.#scrub, { headers, hasBody: !isBodiless });
    return new ScrubSink(sink, owner, plan);
  }

  /** The guest's sink, with its head noted for the audit. */
  #watched(sink: AnswerSink): AnswerSink {
    if (sink instanceof GuestSink) sink.onHead = (head) => this.#record.noteHead(head, head.fields);
    return sink;
  }

  #emitLeak(error: Error, status: number | null): void {
    if (!GondolinError.is(error) || error.code !== 'NET_SECRET_LEAK') return;
    const { emit, secrets } = this.#services;
    emit(leakEvent(error, this.#asked, this.#site, { secrets, statusCode: status }));
  }

  /** A failure of ours. */
  #fault(error: Error): void {
    this.#services.fault(error);
    this.#hasUpstreamEnded = false;
    this.#guest.answer.reset();
    this.#finish('gondolin failed');
  }

  #finishWith(refusal: Refusal): void {
    this.#refuse(refusal);
    this.#finish(refusal.message);
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

  #dismiss(message: string): void {
    const { name: host, port } = this.#site;
    const refusal = { status: 503, reason: 'busy', message, host, port, rule: '', suggestion: '' };
    const { statusText, fields } = renderRefusal(refusal, this.#guest.fields);
    const dropped = new Set(['content-length', 'content-type']);
    this.#isDone = true;
    this.#guest.answer.dismiss(503, statusText, [
      ...endToEnd(fields, dropped),
      'content-length',
      '0',
    ]);
  }

  #refuse(part: Pick<Refusal, 'status' | 'reason' | 'message'> & Partial<Refusal>): void {
    const { name: host, port } = this.#site;
    const refusal: Refusal = { host, port, rule: '', suggestion: '', ...part };
    const { answer, fields: asked, method } = this.#guest;
    const { statusText, fields, body } = renderRefusal(refusal, asked);
    this.#record.noteHead({ status: refusal.status, statusText, fields }, fields);
    answer.begin(refusal.status, statusText, fields);
    if (method !== 'HEAD') answer.write(body);
    answer.end([]);
    const event = blockedEvent(this.#asked, this.#site, refusal);
    if (event !== null) this.#services.emit(event);
  }
}

/** What the head of a request takes in memory. */
function headBytes({ target, fields }: GuestRequest): number {
  let bytes = target.length + (fields.length / 2) * HEAD_FIELD_BYTES;
  for (const text of fields) bytes += text.length;
  return bytes;
}
