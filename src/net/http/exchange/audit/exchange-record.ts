import type { Refusal } from '../../../refusal/refusal.ts';
import type { HeaderList } from '../../../secret/header-list.ts';
import { fieldPairs } from '../../fields.ts';
import type { RequestContext } from '../../request-context.ts';
import type { ResponseHead } from '../../response-handler.ts';
import type { AskedRequest } from '../asked-request.ts';
import type { HttpServices } from '../http-services.ts';
import type { RefusedTarget } from '../refusal/refusal-page.ts';
import { refusedRequestEvent } from './request-events.ts';

/** Counts the bytes of one exchange and emits its events: `request` when it goes out, `response` when it has ended. */
export class ExchangeRecord {
  readonly #asked: AskedRequest;
  readonly #context: RequestContext;
  readonly #services: HttpServices;
  readonly #traffic: RequestContext['traffic'];
  readonly #facts;
  #secrets: readonly string[] = [];
  #isOpen = false;
  readonly #startedMs = Date.now();
  readonly #start = performance.now();
  #requestBytes = 0;
  #responseBytes = 0;
  #waitMs: number | null = null;
  #address: string | null = null;
  #statusCode = 0;
  #statusText = '';
  #responseHeaders: HeaderList = [];

  constructor(asked: AskedRequest, context: RequestContext, services: HttpServices) {
    this.#asked = asked;
    this.#context = context;
    this.#services = services;
    this.#traffic = context.traffic;
    this.#facts = {
      requestId: services.nextRequestId(),
      connectionId: context.connectionId,
      method: asked.method,
      url: asked.url,
      host: context.name,
      port: context.port,
      httpVersion: asked.httpVersion,
      requestHeaders: fieldPairs(asked.fields),
    };
  }

  /** The server's address; null before it is known. */
  get address(): string | null {
    return this.#address;
  }

  /** Emits that the request goes out: once, however often it is tried. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const secrets = this.#secrets;
    this.#services.emit({ kind: 'request', timestampMs: this.#startedMs, ...this.#facts, secrets });
  }

  /** @param names  Of the secrets whose values are in the request. */
  noteSecrets(names: readonly string[]): void {
    this.#secrets = names;
  }

  noteTunnel(end: { readonly sentBytes: number; readonly receivedBytes: number }): void {
    this.#requestBytes += end.sentBytes;
    this.#responseBytes += end.receivedBytes;
  }

  async *countBody(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      this.#requestBytes += chunk.length;
      yield chunk;
    }
  }

  noteAddress(address: string | null): void {
    this.#address = address ?? this.#address;
  }

  noteHead(head: ResponseHead): void {
    this.#waitMs = performance.now() - this.#start;
    this.#statusCode = head.status;
    this.#statusText = head.statusText;
    this.#responseHeaders = fieldPairs(head.fields);
  }

  noteData(bytes: number): void {
    this.#responseBytes += bytes;
  }

  /** Emits the event of a refusal, unless something failed. @param statusCode  Null when the response was reset. */
  refused(refusal: Refusal, to: RefusedTarget, statusCode: number | null): void {
    if (refusal.kind === 'failed') return;
    const { emit } = this.#services;
    emit(refusedRequestEvent(this.#asked, this.#context, refusal, { to, statusCode }));
  }

  /** Emits the end of a request that went out. @param error  The reason why it broke off, in a few words. */
  finish(error: string | null): void {
    this.#traffic.sentBytes += this.#requestBytes;
    this.#traffic.receivedBytes += this.#responseBytes;
    if (!this.#isOpen) return;
    this.#services.emit({
      kind: 'response',
      timestampMs: Date.now(),
      ...this.#facts,
      secrets: this.#secrets,
      startedMs: this.#startedMs,
      statusCode: this.#statusCode,
      statusText: this.#statusText,
      responseHeaders: this.#responseHeaders,
      address: this.#address,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      durationMs: performance.now() - this.#start,
      waitMs: this.#waitMs,
      error,
    });
  }
}
