import type { Socket } from 'node:net';
import type { WaitingTimes } from '../../limits.ts';
import { basicAuthorization, credentialsRefused } from '../../proxy/http-connect.ts';
import type { UpstreamProxy } from '../../proxy/upstream-proxy.ts';
import type { ResponseHandler } from '../response-handler.ts';
import { type Attempt, ForwardingHandler, type ResponseHead } from '../response-handler.ts';
import { Http1Origin } from './http1-origin.ts';
import type { UpstreamCall } from './upstream-call.ts';

type Undici = typeof import('undici');

/**
 * One origin of plain HTTP behind an HTTP proxy that resolves names: requests go to the proxy in absolute form (RFC 9112 §3.2.2),
 * since many proxies make tunnels to port 443 only. WebSocket handshakes need a tunnel.
 */
export class ForwardOrigin {
  readonly #proxy: UpstreamProxy;
  readonly #url: string;
  readonly #requests: Http1Origin;
  readonly #tunnels: Http1Origin;

  /**
   * @param url   Scheme and authority of the origin.
   * @param dial  `proxy` gives a connection to the proxy, `tunnel` one to the origin.
   */
  constructor(
    undici: Undici,
    { proxy, url }: { readonly proxy: UpstreamProxy; readonly url: string },
    dial: { proxy(): Promise<Socket>; tunnel(): Promise<Socket> },
    waits: WaitingTimes,
  ) {
    this.#proxy = proxy;
    this.#url = url;
    this.#requests = new Http1Origin(undici, url, () => dial.proxy(), waits);
    this.#tunnels = new Http1Origin(undici, url, () => dial.tunnel(), waits);
  }

  get activeCalls(): number {
    return this.#requests.activeCalls + this.#tunnels.activeCalls;
  }

  send(call: UpstreamCall, handler: ResponseHandler): void {
    if (call.upgrade !== null) {
      this.#tunnels.send(call, handler);
      return;
    }
    const { credentials } = this.#proxy;
    const own =
      credentials === null ? [] : ['proxy-authorization', basicAuthorization(credentials)];
    const absolute = {
      ...call,
      path: `${this.#url}${call.path}`,
      fields: [...own, ...call.fields],
    };
    this.#requests.send(absolute, new ProxiedResponse(handler, this.#proxy));
  }

  retire(): void {
    this.#requests.retire();
    this.#tunnels.retire();
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#requests.destroy(), this.#tunnels.destroy()]);
  }
}

/** Passes a server's response on; one of the proxy itself about its credentials becomes an error. */
class ProxiedResponse extends ForwardingHandler {
  readonly #proxy: UpstreamProxy;
  #attempt: Attempt | null = null;
  #isOver = false;

  constructor(next: ResponseHandler, proxy: UpstreamProxy) {
    super(next);
    this.#proxy = proxy;
  }

  override onStart(attempt: Attempt): void {
    this.#attempt = attempt;
    this.next.onStart(attempt);
  }

  override onHead(head: ResponseHead, resume: () => void): boolean {
    if (head.status !== 407) return this.next.onHead(head, resume);
    this.#isOver = true;
    this.next.onError(credentialsRefused(this.#proxy, 'status 407'));
    this.#attempt?.abort();
    return true;
  }

  override onData(chunk: Buffer): boolean {
    return this.#isOver || this.next.onData(chunk);
  }

  override onEnd(trailers: readonly string[]): void {
    if (!this.#isOver) this.next.onEnd(trailers);
  }

  override onError(error: Error): void {
    if (!this.#isOver) this.next.onError(error);
  }
}
