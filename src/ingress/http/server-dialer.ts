import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestConnect } from '../guest-connect.ts';

/** Time between two tries: the first, and the longest. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 500;

function notListening(port: number, limitMs: number): GondolinError {
  const message = `no server listens on port ${port} of the guest after ${limitMs / 1000} s`;
  return new GondolinError('INGRESS_SERVER_TIMEOUT', message, { details: { port } });
}

/** Connects to servers in a guest, and waits for those that start slowly. */
export class ServerDialer {
  readonly #connect: GuestConnect;
  readonly #limitMs: number;
  /** The last request that waits for a port: each one takes its turn, so that one at a time tries it again. */
  readonly #turns = new Map<number, Promise<void>>();

  constructor(connect: GuestConnect, limitMs: number) {
    this.#connect = connect;
    this.#limitMs = limitMs;
  }

  /** @throws {GondolinError} INGRESS_SERVER_TIMEOUT; the error of the VM; the reason of `signal`. */
  async dial(port: number, signal: AbortSignal): Promise<Duplex> {
    const endsAtMs = performance.now() + this.#limitMs;
    const stream = await this.#connect(port, { signal });
    return stream ?? this.#inTurn(port, () => this.#retry(port, endsAtMs, signal));
  }

  async #retry(port: number, endsAtMs: number, signal: AbortSignal): Promise<Duplex> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      signal.throwIfAborted();
      const stream = await this.#connect(port, { signal });
      if (stream !== null) return stream;
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0) throw notListening(port, this.#limitMs);
      await delay(Math.min(pauseMs, leftMs), undefined, { signal });
    }
  }

  #inTurn<T>(port: number, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(port) ?? Promise.resolve();
    const own = before.then(work);
    const ended = own.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(port, ended);
    void ended.then(() => {
      if (this.#turns.get(port) === ended) this.#turns.delete(port);
    });
    return own;
  }
}
