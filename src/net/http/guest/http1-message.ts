import { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { announcesBody } from '../fields.ts';

/**
 * A request as Node's parser makes it. Node reads `upgrade` to decide whether to release the connection and emit
 * 'upgrade' or 'connect' instead of 'request'. Only a WebSocket handshake leaves HTTP here: any other `Upgrade` is
 * ignored (RFC 9110 §7.8), and `CONNECT` is a request that is refused like any other.
 */
export abstract class Http1Message extends IncomingMessage {
  #hasAsked = false;
  #leaves: boolean | null = null;

  /** True for `CONNECT` and `Upgrade`. Node drops what follows in the same packet, so the response must be the last one. */
  get isLast(): boolean {
    return this.#hasAsked;
  }

  get upgrade(): boolean {
    if (!this.#hasAsked) return false;
    // Asked more than once for one head.
    this.#leaves ??= this.#isHandshake() && this.mayLeave(this.socket);
    return this.#leaves;
  }

  /** Set by Node's constructor, before there are fields here; then to what llhttp says; then to what was read. */
  set upgrade(value: boolean | null) {
    if (#hasAsked in this && value === true) this.#hasAsked = true;
  }

  /** False while earlier responses still have to be written: nothing else may then write to the connection. */
  protected abstract mayLeave(stream: Duplex): boolean;

  #isHandshake(): boolean {
    return (
      this.method === 'GET' &&
      /^websocket$/i.test(this.headers.upgrade ?? '') &&
      !announcesBody(this.rawHeaders)
    );
  }
}
