import type { Socket } from 'node:net';
import { MAX_UPSTREAM_ORIGINS, type WaitingTimes } from '../../limits.ts';
import type { Dialer } from '../../tcp/dial.ts';
import { writeAuthority } from '../authority.ts';
import type { GuestProtocol, Target } from '../request-context.ts';
import type { ResponseHandler } from '../response-handler.ts';
import { ForwardOrigin } from './forward-origin.ts';
import { Http1Origin } from './http1-origin.ts';
import { NegotiatedOrigin } from './negotiated-origin.ts';
import type { UpstreamCall } from './upstream-call.ts';
import { UpstreamTls } from './upstream-tls.ts';

type Undici = typeof import('undici');

/** Connections to one origin for one kind of guest connection. */
interface Origin {
  readonly activeCalls: number;
  send(call: UpstreamCall, handler: ResponseHandler): void;
  /** Sends no further request, and closes each connection after the one that it carries. */
  retire(): void;
  destroy(): Promise<void>;
}

/** The servers' side of HTTP: connections by origin, never shared between names. */
export class Upstream {
  readonly #dialer: Dialer;
  readonly #tls: UpstreamTls;
  readonly #waits: WaitingTimes;
  readonly #origins = new Map<string, Origin>();
  #undici: Undici | null = null;

  constructor(dialer: Dialer, roots: readonly string[], waits: WaitingTimes) {
    this.#dialer = dialer;
    this.#waits = waits;
    this.#tls = new UpstreamTls(dialer, roots);
  }

  /** Sends one request; the handler receives its response or its failure. Never throws. */
  send(
    target: Target,
    protocol: GuestProtocol,
    call: UpstreamCall,
    handler: ResponseHandler,
  ): void {
    const undici = this.#undici;
    if (undici !== null) {
      this.#origin(undici, target, protocol).send(call, handler);
      return;
    }
    import('undici').then(
      (loaded) => {
        this.#undici = loaded;
        this.#origin(loaded, target, protocol).send(call, handler);
      },
      (error: Error) => handler.onError(error),
    );
  }

  /** False once a server that was offered HTTP/2 took HTTP/1.1: a guest only pays for speaking HTTP/2 to us then. */
  mayKnowHttp2(target: Target): boolean {
    const origin = this.#origins.get(originKey(target, 'http2'));
    return !(origin instanceof NegotiatedOrigin && origin.isHttp1);
  }

  /** Keeps no connection for a later request: those in use close after theirs. */
  retire(): void {
    for (const origin of this.#origins.values()) origin.retire();
    this.#origins.clear();
  }

  /** Breaks off every request and connection. */
  async close(): Promise<void> {
    const origins = [...this.#origins.values()];
    this.#origins.clear();
    await Promise.all(origins.map((origin) => origin.destroy()));
  }

  #origin(undici: Undici, target: Target, protocol: GuestProtocol): Origin {
    const key = originKey(target, protocol);
    const known = this.#origins.get(key);
    if (known !== undefined) return known;
    const origin = this.#newOrigin(undici, target, protocol);
    this.#origins.set(key, origin);
    this.#dropIdle();
    return origin;
  }

  #newOrigin(undici: Undici, target: Target, protocol: GuestProtocol): Origin {
    const url = `${target.scheme}://${writeAuthority(target)}`;
    const proxy = target.scheme === 'http' ? this.#dialer.forwarder(target) : null;
    if (protocol === 'http1' && proxy !== null) {
      const dial = {
        proxy: () => this.#dialer.dialForwarder(proxy, target),
        tunnel: () => this.#dialer.dial(target),
      };
      return new ForwardOrigin(undici, { proxy, url }, dial, this.#waits);
    }
    if (protocol === 'http1') {
      return new Http1Origin(undici, url, () => this.#open(target, ['http/1.1']), this.#waits);
    }
    const dial = {
      any: () => this.#open(target, ['h2', 'http/1.1']),
      http1: () => this.#open(target, ['http/1.1']),
    };
    return new NegotiatedOrigin(undici, url, dial, this.#waits);
  }

  #open(target: Target, protocols: string[]): Promise<Socket> {
    return target.scheme === 'https'
      ? this.#tls.open(target, protocols)
      : this.#dialer.dial(target);
  }

  /** Beyond the limit, the origins that were made first and carry nothing go; their sockets with them. */
  #dropIdle(): void {
    for (const [key, origin] of this.#origins) {
      if (this.#origins.size <= MAX_UPSTREAM_ORIGINS) return;
      if (origin.activeCalls > 0) continue;
      this.#origins.delete(key);
      void origin.destroy();
    }
  }
}

function originKey({ scheme, name, port }: Target, protocol: GuestProtocol): string {
  return `${protocol} ${scheme}://${name}:${port}`;
}
